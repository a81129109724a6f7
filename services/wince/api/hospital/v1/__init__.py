"""Generated from protos/wince/api/hospital/v1 by `make proto`; don't edit."""
