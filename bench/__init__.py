"""Benchmarks: `make bench`, or `python -m bench NAME...`. What a module here gives stands in README.md."""


class Unmeasurable(Exception):
    """A figure can't be taken here; the text says why and what to install."""
