"""Write profiles: one TOML file for each kind of receiver."""
