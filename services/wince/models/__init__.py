"""Model files that Wince uses but does not own: the lock, fetching and verifying, the cache."""
