"""Write profiles: what a kind of FHIR server takes, as data. One TOML file each; `profile` says what the keys mean."""
