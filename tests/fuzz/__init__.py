"""Fuzzing: seeded cases of one kind a module, thrown at the code that reads what comes from outside (`make fuzz`, and 2,000 in the suite).

A module has NAME, `case(random) -> case` and `check(case)`, which raises AssertionError where the code does what it may not; a case is
told by its seed alone. What may happen in a case is the same everywhere: a right answer, or an error of ours with its field and its
remedy, within SECONDS, and with bounded memory.
"""

SECONDS = 5.0
"""Longest that a case may take."""
