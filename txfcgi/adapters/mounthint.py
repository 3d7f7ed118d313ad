"""
L{MountHint}: a word, once, about a web server that does not say which part of a path is the app's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from twisted.logger import Logger


class MountHint:
    """
    Looks at the requests of an app that finds its way by PATH_INFO, until there was something to
    say.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(self, name: str) -> None:
        """
        @param name: What the app is called in messages.
        """
        self._name = name
        self._said = False

    def look(self, params: Mapping[str, str]) -> None:
        """
        Look at a request whose path is taken as it was sent. nginx, with its own fastcgi_params or
        scgi_params and nothing else, sends the whole path as SCRIPT_NAME, the same as DOCUMENT_URI,
        and no PATH_INFO: for the app, every request is for its root.
        """
        if self._said or "PATH_INFO" in params:
            return
        script = params.get("SCRIPT_NAME")
        if script and script == params.get("DOCUMENT_URI"):
            self._said = True
            self.log.warn(
                "{app} finds no path in PATH_INFO: the web server sends all of it as SCRIPT_NAME, "
                "{script!r:.200}, as nginx does with its own fastcgi_params. With --mount / "
                '(mount="/" in a program) the whole path is the app\'s; --mount /shop, where it is '
                "all below /shop",
                app=self._name,
                script=script,
            )
