"""Data for research: of people who agreed, without what tells who they are."""
