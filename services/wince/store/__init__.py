"""The database: embedded PostgreSQL, pool, migrations, audit trail with checkpoints, stays, snapshots."""
