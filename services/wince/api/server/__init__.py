"""Generated from protos/wince/api/server by `make proto`; don't edit."""
