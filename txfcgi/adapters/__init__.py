"""
Adapters: programs that were written for another interface, as apps. L{txfcgi.adapters.wsgi} is for
WSGI, L{txfcgi.adapters.asgi} for ASGI, L{txfcgi.adapters.resource} for twisted.web and Klein.

An adapter deals with requests and responses, not with protocols, sockets or processes, so it works
wherever an app does.
"""
