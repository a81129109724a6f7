"""The version of this software; what every entry and report names beside the hashes of models and rules."""

VERSION = "0.1.0"
