"""Generated from protos/wince/api/reason/v1 by `make proto`; don't edit."""
