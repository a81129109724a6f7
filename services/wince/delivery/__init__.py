"""What is charted goes to its targets: the outbox, the worker that empties it, one folder per kind of target."""
