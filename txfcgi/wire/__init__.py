"""
Bytes to events and back, without Twisted and without I/O.

Feed what a transport brings to C{receive} of a connection, act on the events it returns, and
write what its other methods return.
"""
