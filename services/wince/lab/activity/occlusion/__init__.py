"""How the probe of covered faces was fitted."""
