"""
X-Sendfile and X-Accel-Redirect: headers by which a back end names a file in place of sending it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ..cgiparams import decodedPath
from ..client.response import ClientResponse
from ..errors import BadResponse, InvalidPath, RemoteProtocolError
from .files import serveFile

if TYPE_CHECKING:
    from .gateway import Passage

# Headers that describe the body that the back end sent, rather than the file.
_NOT_OF_THE_FILE: Final = (b"content-length", b"etag", b"last-modified", b"accept-ranges")


def sendFile(passage: Passage, response: ClientResponse, root: str) -> bool:
    """
    Answer with the file that a response names.

    @param root: The folder that the file has to be in.
    @return: Whether the response names a file.
    @raise BadResponse: If the header can't be a path.
    """
    path = response.head.get(b"x-sendfile")
    accel = response.head.get(b"x-accel-redirect")
    if path is None and accel is None:
        return False
    response.abort()
    if path is not None:
        name = os.path.join(root, os.fsdecode(path))
    else:
        assert accel is not None
        try:
            decoded = decodedPath(accel.partition(b"?")[0].decode("utf-8", "surrogateescape"))
        except InvalidPath as error:
            raise BadResponse(RemoteProtocolError(f"X-Accel-Redirect: {error}")) from error
        name = os.path.join(root, decoded.lstrip("/"))
    file = within(root, name)
    if file is None or not os.path.isfile(file):
        passage.noFile(name)
        return True
    passage.sendHead(response, _NOT_OF_THE_FILE)
    kind = response.head.get(b"content-type")
    named = None if kind is None else kind.decode("latin-1")
    try:
        serveFile(passage.request, file, passage.showError, named)
    except OSError:
        passage.noFile(name)
    return True


def within(root: str, name: str) -> str | None:
    """
    The real path of a file, with all symbolic links followed.

    @return: The path, or L{None} if it is not in the folder.
    """
    real, top = os.path.realpath(name), os.path.realpath(root)
    return real if os.path.join(real, "").startswith(os.path.join(top, "")) else None
