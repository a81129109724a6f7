"""Generated from protos/wince/api/care by `make proto`; don't edit."""
