"""Generated from protos/wince/api/open_inference by `make proto`; don't edit."""
