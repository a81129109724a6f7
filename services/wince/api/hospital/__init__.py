"""Generated from protos/wince/api/hospital by `make proto`; don't edit."""
