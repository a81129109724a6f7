"""Generated from protos/wince/api/capture/v1 by `make proto`; don't edit."""
