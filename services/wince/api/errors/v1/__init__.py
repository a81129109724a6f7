"""Generated from protos/wince/api/errors/v1 by `make proto`; don't edit."""
