"""What runs a fold: reads, calls, publishes, commits. A fold itself does no I/O."""
