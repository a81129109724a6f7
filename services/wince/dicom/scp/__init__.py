"""The storage server: C-ECHO, C-STORE and storage commitment over TCP or TLS (PS3.8 upper layer, PS3.7 DIMSE).

Written by hand, on blocking sockets with a thread for each association: the size of every PDU, command and object is known before a byte
of it is kept, an object goes to disk as it comes, and a sender waits while the object before is made durable.
"""
