"""Generated from protos/wince/api/record/v1 by `make proto`; don't edit."""
