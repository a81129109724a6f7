"""The client: C-ECHO, C-STORE and requests for storage commitment over TCP or TLS (PS3.8 upper layer, PS3.7 DIMSE), and STOW-RS (PS3.18).

Written by hand on blocking sockets: an exchange has one limit of time over the whole of it, nothing that a peer sends is longer than was
agreed on, TLS says why it failed, and another thread can break an exchange off.
"""
