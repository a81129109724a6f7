"""Wiring: reads settings, builds from outside in, starts, waits, stops. No rule of the field lives here."""
