"""Generated from protos/wince/api by `make proto`; don't edit."""
