"""Generated from protos/buf/validate by `make proto`; don't edit."""
