"""Generated from protos/wince/api/server/v1 by `make proto`; don't edit."""
