"""Wiring: one file per service that `wince serve` starts."""
