"""Holds the rows of the database against the audit chain: what is charted, sent, seen and believed is what the chain says."""
