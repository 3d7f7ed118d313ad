"""
L{PHPResource}: a folder of static files and PHP scripts, as nginx with php-fpm or Apache with
mod_php would serve it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from twisted.logger import Logger
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from ..cgiparams import splitPath
from ..errors import InvalidPath
from .files import serveFile
from .gateway import Gateway, IsClient
from .options import GatewayOptions
from .params import mountedAt
from .request import IStreamsBody
from .sendfile import within


@dataclass(frozen=True, kw_only=True)
class PHPSite:
    """
    How a folder is laid out.

    @ivar index: The files that stand for a folder; the first that is there does.
    @ivar tryFiles: What is looked for, in this order; C{$uri} is the path. What ends in a slash is
        a folder with an index.
    @ivar frontController: The script, as a path from the root, for all that is not there; with
        L{None} that is a 404. WordPress, Laravel, Symfony and Drupal want C{/index.php}.
    @ivar suffixes: What scripts end in. No file whose name ends so, in whatever case, is ever shown
        as it is.
    @ivar hidden: Whether files and folders whose names begin with a dot are there at all.
        C{.well-known} is, in any case.
    @ivar scriptRoot: The root as php-fpm sees it, if it runs in a container or a chroot.
    @ivar resolveRoot: Whether a root that is a symbolic link is named by what it leads to. PHP's
        cache needs that if a new version is put in place by changing the link.
    @ivar followLinks: Whether symbolic links may lead out of the root.
    """

    index: Sequence[str] = ("index.php", "index.html")
    tryFiles: Sequence[str] = ("$uri", "$uri/")
    frontController: str | None = None
    suffixes: Sequence[str] = (".php",)
    hidden: bool = False
    scriptRoot: str | None = None
    resolveRoot: bool = False
    followLinks: bool = False


class _Kind(Enum):
    """
    What a path leads to.
    """

    SCRIPT = "a script to run"
    FILE = "a file to show"
    FOLDER = "a folder, asked for without its slash"


@dataclass(frozen=True)
class _Found:
    """
    What a path leads to, and what follows a script in it.
    """

    kind: _Kind
    path: str
    pathInfo: str = ""


@implementer(IStreamsBody)
class PHPResource(Resource):
    """
    Serves a folder: files by twisted.web, scripts by php-fpm.

    A script is run only if its file is there, below the root, so that no path that a browser makes
    up runs another file. What follows a script in the path is its PATH_INFO.
    """

    isLeaf = True
    _log = Logger()

    def __init__(
        self,
        root: str,
        client: IsClient,
        site: PHPSite | None = None,
        options: GatewayOptions | None = None,
    ) -> None:
        """
        @param root: The folder.
        @param client: For php-fpm. Whoever made it closes it.
        @param site: How the folder is laid out.
        """
        super().__init__()
        self._site = site = PHPSite() if site is None else site
        self._root = os.path.realpath(root) if site.resolveRoot else os.path.abspath(root)
        self._scriptRoot = (site.scriptRoot or self._root).rstrip("/")
        self._suffixes = tuple(suffix.lower() for suffix in site.suffixes)
        self._gateway = Gateway(client, options)

    def render(self, request: IRequest) -> int:
        """
        Find what a path leads to, and serve it.
        """
        try:
            mount, path = mountedAt(request)
            found = self._find(path) if path else _Found(_Kind.FOLDER, path)
        except InvalidPath as error:
            return self._gateway.refuse(request, error)
        if found is None:
            return self._gateway.showError(request, 404)
        if found.kind is _Kind.SCRIPT:
            return self._gateway.forward(
                request,
                mount + found.path,
                found.pathInfo or None,
                scriptFilename=self._scriptRoot + found.path,
                documentRoot=self._scriptRoot,
                REDIRECT_STATUS="200",
            )
        return self._show(request, found)

    def _show(self, request: Any, found: _Found) -> int:
        """
        Serve what needs no back end.
        """
        if found.kind is _Kind.FOLDER:
            # What is relative in its index would miss without the slash.
            path, question, query = request.uri.partition(b"?")
            location = b"/" + path.strip(b"/") + b"/" + question + query
            request.setHeader(b"Location", location)
            return self._gateway.showError(request, 301)
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"Allow", b"GET, HEAD")
            return self._gateway.showError(request, 405)
        try:
            serveFile(request, self._root + found.path, partial(self._gateway.showError, request))
        except OSError as error:
            code = 403 if isinstance(error, PermissionError) else 404
            self._log.info("{path}: {code}: {error}", path=found.path, code=code, error=error)
            self._gateway.showError(request, code)
        return NOT_DONE_YET

    def _find(self, path: str) -> _Found | None:
        """
        Go through what may be meant by a decoded path.
        """
        site = self._site
        names = path.split("/")
        if ".." in names or (
            not site.hidden
            and any(name.startswith(".") and name != ".well-known" for name in names)
        ):
            return None
        for pattern in site.tryFiles:
            candidate = re.sub("/+", "/", pattern.replace("$uri", path))
            found = (
                self._findFolder(candidate, path.endswith("/"))
                if candidate.endswith("/")
                else self._findFile(candidate)
            )
            if found is not None:
                return found
        if site.frontController is not None:
            return self._findFile("/" + site.frontController.lstrip("/"))
        return None

    def _findFile(self, path: str) -> _Found | None:
        script, pathInfo = splitPath(path, self._site.suffixes)
        if script and self._isFile(script):
            return _Found(_Kind.SCRIPT, script, pathInfo)
        if not path.lower().endswith(self._suffixes) and self._isFile(path):
            return _Found(_Kind.FILE, path)
        return None

    def _findFolder(self, path: str, hasSlash: bool) -> _Found | None:
        for index in self._site.index:
            found = self._findFile(path + index)
            if found is not None:
                return found if hasSlash else _Found(_Kind.FOLDER, path)
        return None

    def _isFile(self, path: str) -> bool:
        name = self._root + path
        if not os.path.isfile(name):
            return False
        return self._site.followLinks or within(self._root, name) is not None
