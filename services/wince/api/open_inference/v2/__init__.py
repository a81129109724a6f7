"""Generated from protos/wince/api/open_inference/v2 by `make proto`; don't edit."""
