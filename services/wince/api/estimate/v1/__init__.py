"""Generated from protos/wince/api/estimate/v1 by `make proto`; don't edit."""
