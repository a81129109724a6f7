"""Generated from protos/wince/api/detect/v1 by `make proto`; don't edit."""
