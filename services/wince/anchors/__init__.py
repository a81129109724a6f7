"""Second places for checkpoints: what whoever rules the database and this host can't change afterwards.

A place takes the newest checkpoint now and then, and gives all back that it ever took. `sender.py` sends, each place on a thread of its
own; `compare.py` asks for verification.
"""
