"""STOW-RS (PS3.18 section 10.5): objects by HTTP, within the same limits as by C-STORE."""
