"""Generated from protos/buf by `make proto`; don't edit."""
