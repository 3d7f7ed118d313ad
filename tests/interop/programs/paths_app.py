"""
An app that shows what it hears of paths; and pages that only some may see.
"""

from __future__ import annotations

from txfcgi import Request, Response

NAMES = ("SCRIPT_NAME", "PATH_INFO", "DOCUMENT_URI", "REQUEST_URI", "SCRIPT_FILENAME")


def app(request: Request) -> Response:
    """
    Show the paths, and the variables that they come from.
    """
    return Response.json(
        {
            "path": request.path,
            "scriptName": request.scriptName,
            "pathInfo": request.pathInfo,
            **{name: request.params.get(name) for name in NAMES},
        }
    )
