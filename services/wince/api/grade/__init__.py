"""Generated from protos/wince/api/grade by `make proto`; don't edit."""
