"""Generated from protos/wince/api/estimate by `make proto`; don't edit."""
