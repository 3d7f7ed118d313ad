"""
L{MountHint}: a warning, once, about a web server that sends no usable SCRIPT_NAME and PATH_INFO.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from twisted.logger import Logger


class MountHint:
    """
    Looks at the requests of an app that is routed by PATH_INFO, until it has warned.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(self, name: str) -> None:
        """
        @param name: The app's name in messages.
        """
        self._name = name
        self._said = False

    def look(self, params: Mapping[str, str]) -> None:
        """
        Look at a request whose path is taken as it was sent. nginx, with its own fastcgi_params and
        nothing else, sends the whole path as SCRIPT_NAME, the same as DOCUMENT_URI, and no
        PATH_INFO; with its own scgi_params, it sends neither. For the app, every request is then
        for its root.
        """
        if self._said or "PATH_INFO" in params:
            return
        path = params.get("DOCUMENT_URI")
        script = params.get("SCRIPT_NAME")
        if path and (script is None or script == path):
            self._said = True
            self.log.warn(
                "{app} finds no path in PATH_INFO: the web server sends all of it as {name}, "
                "{path!r:.200}, as nginx does with its own {file}. With --mount / "
                '(mount="/" in a program) the whole path is the app\'s; --mount /shop, where it is '
                "all below /shop",
                app=self._name,
                name="DOCUMENT_URI" if script is None else "SCRIPT_NAME",
                path=path,
                file="scgi_params" if script is None else "fastcgi_params",
            )
