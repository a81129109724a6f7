"""An embedded PostgreSQL: found, initialised, started, stopped."""
