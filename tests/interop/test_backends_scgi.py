"""
The client against every kind of SCGI back end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from txfcgi.errors import InvalidRequest, ResponseCutOff
from txfcgi.wire.records import Role

from .backends import SCGI_BACKENDS, BackendKind, sha256
from .test_backends import BackendCase, CommonTests

for _kind in SCGI_BACKENDS:
    _name = "Test" + _kind.name.title().replace("-", "")
    globals()[_name] = type(_name, (CommonTests, BackendCase), {"kind": _kind})
del _kind, _name


class TestOurselves(BackendCase):
    """
    The client and txfcgi's own server.
    """

    kind: ClassVar[BackendKind] = SCGI_BACKENDS[-1]

    async def test_streams(self) -> None:
        """
        A body goes out in pieces, and an answer comes in pieces.
        """
        pieces = [b"%d" % number * 1000 for number in range(300)]

        async def body() -> AsyncIterator[bytes]:
            for piece in pieces:
                yield piece

        length = str(sum(map(len, pieces)))
        response = await self.client(unknownLength="refuse").request(
            self.backend.params("count", "POST", CONTENT_LENGTH=length), body()
        )
        self.assertEqual(await response.content(), sha256(b"".join(pieces)))

    async def test_cancelled(self) -> None:
        """
        An answer that is not wanted any more is not waited for.
        """
        calling = self.client()
        response = await calling.request(self.backend.params("big"))
        response.abort()
        await self.assertFailure(response.content(), ResponseCutOff)
        await calling.close()

    async def test_otherRoles(self) -> None:
        """
        There are none.
        """
        calling = self.client()
        for role in (Role.AUTHORIZER, Role.FILTER):
            asking = calling.request(self.backend.params("hello"), role=role)
            await self.assertFailure(asking, InvalidRequest)
        response = await calling.request(self.backend.params("hello"))
        self.assertEqual(await response.content(), b"hello\n")
