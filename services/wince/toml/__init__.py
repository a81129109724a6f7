"""TOML files that people write: where a key stands, what no file may hold, and how an error shows what it holds."""
