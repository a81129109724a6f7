"""Generated from protos/wince/api/detect by `make proto`; don't edit."""
