"""
What a connection speaks that does not speak what it should, by its first bytes: for messages that
tell people what to change.
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

# What to do, where one of them comes to a server of ours.
_ADVICE: Final = {
    "TLS": "turn TLS off in the web server, or listen on an ssl: endpoint",
    "the PROXY protocol": "turn it off in the web server (HAProxy: send-proxy)",
    "SCGI": "serve it with 'twistd scgi', or have the web server use FastCGI (nginx: fastcgi_pass)",
    "FastCGI": "serve it with 'twistd fcgi', or have the web server use SCGI (nginx: scgi_pass)",
    "HTTP": "does an HTTP client speak to this port?",
}


def protocolOf(start: bytes) -> str | None:
    """
    What is spoken, by the first eight bytes of it.
    """
    for match, name in _KNOWN:
        if match(start):
            return name
    return None


def mistakenFor(start: bytes, expected: str) -> str | None:
    """
    Why a connection from a web server is not what it should be, and what to do.

    @param start: Its first bytes.
    @param expected: The protocol that was to be spoken.
    @return: L{None} if these bytes are of no protocol that is known here.
    """
    name = protocolOf(start)
    if name is None or name not in _ADVICE or name == expected:
        return None
    return (
        f"the connection starts with {start!r}, which is {name}, and this port speaks {expected}: "
        f"{_ADVICE[name]}"
    )
