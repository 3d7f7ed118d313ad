"""
L{Folder}: the files of a directory, as C{twistd web --path} serves them.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.web.server import NOT_DONE_YET
from twisted.web.static import File

from .files import serveFile
from .pages import plainPage


class Folder(File):
    """
    A directory or a file. twisted.web serves directories, their indexes and listings; L{serveFile}
    serves files.
    """

    def render_GET(self, request: Any) -> Any:
        """
        Answer with a file, or a directory.
        """
        self.restat(False)
        if self.isdir() or not self.exists():
            return super().render_GET(request)
        try:
            serveFile(request, self.path, partial(_showError, request))
        except PermissionError:
            return self.forbidden.render(request)
        except OSError:
            return self.childNotFound.render(request)
        return NOT_DONE_YET

    render_HEAD = render_GET


def _showError(request: Any, code: int) -> None:
    kind, page = plainPage(code)
    request.setResponseCode(code)
    request.setHeader(b"content-type", kind.encode("ascii"))
    request.setHeader(b"content-length", b"%d" % len(page))
    request.write(page)
    request.finish()
