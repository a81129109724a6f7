"""Generated from protos/wince/api/reason by `make proto`; don't edit."""
