"""Where entries are delivered: one file for each kind of target, and the list of those that an installation sets (`every`)."""
