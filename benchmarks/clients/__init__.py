"""
Clients that are measured: each calls a server on a unix socket, several requests at a time, for
some seconds, and then says what became of it.
"""
