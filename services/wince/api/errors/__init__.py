"""Generated from protos/wince/api/errors by `make proto`; don't edit."""
