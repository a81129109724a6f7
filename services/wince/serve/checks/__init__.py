"""What `wince doctor` and `wince config check` try: one file per kind. Nothing is created anywhere and no row is changed.

A check takes the settings and gives findings as it goes; what it raises becomes one. `everything.py` runs them side by side, each with
a limit, so that one that fails or hangs hides no other.
"""
