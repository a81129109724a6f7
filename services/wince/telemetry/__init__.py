"""What operators see: structured logs that can hold no name."""
