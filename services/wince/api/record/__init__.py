"""Generated from protos/wince/api/record by `make proto`; don't edit."""
