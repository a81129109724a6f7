"""Generated from protos/wince/api/care/v1 by `make proto`; don't edit."""
