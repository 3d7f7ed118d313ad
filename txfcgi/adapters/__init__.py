"""
Programs that were written for another interface, as apps: L{txfcgi.adapters.wsgi},
L{txfcgi.adapters.asgi} and L{txfcgi.adapters.resource}.

An adapter knows requests and responses. It knows nothing of wires, sockets and processes, so it
works wherever an app does.
"""
