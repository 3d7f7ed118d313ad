"""
Recognizing by its first bytes what a connection speaks in place of the expected protocol, for
messages that say what to change.
"""

from __future__ import annotations

import re
from typing import Final

_KNOWN: Final = (
    (re.compile(rb"[\x15\x16]\x03").match, "TLS"),
    (re.compile(rb"PROXY |\r\n\r\n\x00\r\nQ").match, "the PROXY protocol"),
    (re.compile(rb"[0-9]{1,7}:").match, "SCGI"),
    (re.compile(rb"\x01[\x01-\x0b]").match, "FastCGI"),
    (re.compile(rb"Status|Content|Locatio").match, "CGI output"),
    (re.compile(rb"[A-Za-z][ -~]{2}").match, "HTTP"),
)

# What to do if a server of txfcgi gets one of them.
_ADVICE: Final = {
    "TLS": "turn TLS off in the web server, or listen on an ssl: endpoint",
    "the PROXY protocol": "turn it off in the web server (HAProxy: send-proxy)",
    "SCGI": "serve it with 'twistd scgi', or have the web server use FastCGI (nginx: fastcgi_pass)",
    "FastCGI": "serve it with 'twistd fcgi', or have the web server use SCGI (nginx: scgi_pass)",
    "HTTP": "does an HTTP client speak to this port? In nginx, write {directive} and not "
    "proxy_pass; for a browser, serve with --http",
}


def protocolOf(start: bytes) -> str | None:
    """
    The protocol of a connection, by its first eight bytes.
    """
    for match, name in _KNOWN:
        if match(start):
            return name
    return None


def mistakenFor(start: bytes, expected: str) -> str | None:
    """
    Why a connection from a web server does not speak the expected protocol, and what to do.

    @param start: Its first bytes.
    @param expected: The expected protocol.
    @return: A sentence, or L{None} if the bytes are not those of a known protocol.
    """
    name = protocolOf(start)
    if name is None or name not in _ADVICE or name == expected:
        return None
    return (
        f"the connection starts with {start!r}, which is {name}, and this port speaks {expected}: "
        f"{_ADVICE[name].format(directive=f'{expected.lower()}_pass')}"
    )
