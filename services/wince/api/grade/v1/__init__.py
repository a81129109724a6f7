"""Generated from protos/wince/api/grade/v1 by `make proto`; don't edit."""
