"""Typed gRPC clients of our own services: command line, capture and console use them."""
