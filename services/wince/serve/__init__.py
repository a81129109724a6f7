"""One file per process: what it builds, in what order, how it stops."""
