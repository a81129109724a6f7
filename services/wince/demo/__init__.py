"""What `wince run` plays: bundled clips as three beds."""
