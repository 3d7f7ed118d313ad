"""
What a web server asks over SCGI, and what it is answered.
"""

from __future__ import annotations

from ..wire.scgi import asked

GET = asked((b"REQUEST_METHOD", b"GET"))


OK = b"Status: 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"  # what ok answers
