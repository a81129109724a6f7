"""Makes what of the chart comes from the code: the schema of its values, its README, its facts."""
