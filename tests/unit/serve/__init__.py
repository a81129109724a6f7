"""Services' parts."""
