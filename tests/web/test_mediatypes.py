"""
Tests of L{txfcgi.web.mediatypes}: what files are, by their names.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from txfcgi.web.mediatypes import DEFAULT, mediaType


@pytest.mark.parametrize(
    ("name", "kind", "encoding"),
    [
        ("a.woff2", "font/woff2", None),
        ("a.TTF", "font/ttf", None),
        ("/srv/a.webp", "image/webp", None),
        ("a.mjs", "text/javascript", None),
        ("a.css", "text/css", None),
        ("a.tar.gz", "application/x-tar", "gzip"),
        ("a.what-is-this", DEFAULT, None),
        ("a", DEFAULT, None),
    ],
)
def test_known(name: str, kind: str, encoding: str | None) -> None:
    """
    The end of a name says what it is.
    """
    assert mediaType(name) == (kind, encoding)


def test_withoutTheSystem() -> None:
    """
    A machine without mime.types has the types of the web, too.
    """
    program = (
        "import mimetypes; mimetypes.knownfiles = []\n"
        "from txfcgi.web.mediatypes import mediaType\n"
        "print(*(mediaType('a.' + end)[0] for end in ('woff2', 'ttf', 'webp', 'avif', 'wasm')))"
    )
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert said.stdout.split() == [
        *(b"font/woff2", b"font/ttf", b"image/webp", b"image/avif", b"application/wasm")
    ]
