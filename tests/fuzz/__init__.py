"""Fuzzing: seeded cases of one kind a module, thrown at the code that reads what comes from outside (`make fuzz`, and 2,000 in the suite).

A module has NAME, `case(random) -> case` and `check(case)`, which raises AssertionError where the code does what it may not; a case is
told by its seed alone. Where cases need servers, `world()` starts them once for many, and `check(case, world)` is given them. What may
happen in a case is the same everywhere: a right answer, or an error of ours with its field and its remedy, within SECONDS, and with bounded
memory.
"""

SECONDS = 5.0
"""Longest that a case may take."""


def told(message: str, field: str, remedy: str) -> None:
    """Raises AssertionError unless an error of ours says what is wrong, where, and what to do, in a few printable words."""
    assert field, f"names no field: {message}"
    assert message, "says nothing"
    assert remedy, f"has no remedy: {message}"
    words = f"{message} {remedy}"
    assert words.isprintable(), f"prints what it should not: {words!r}"
    assert len(words) < 3000, "says too much"
