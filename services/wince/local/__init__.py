"""Real servers started on this machine, and processes kept alive."""
