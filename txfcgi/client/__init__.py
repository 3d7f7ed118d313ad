"""
Calling FastCGI and SCGI back ends: a client with its pool, and the protocol under it for those who
bring their own connection.
"""
