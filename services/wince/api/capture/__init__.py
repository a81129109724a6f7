"""Generated from protos/wince/api/capture by `make proto`; don't edit."""
