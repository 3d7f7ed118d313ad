"""
L{PHPResource}: a folder of static files and PHP scripts, as nginx with php-fpm or Apache with
mod_php would serve it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fnmatch import translate
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from ..cgiparams import normalPath, splitPath
from ..errors import InvalidPath
from .files import serveFile
from .gateway import Gateway, IsClient
from .options import GatewayOptions, passingAuthorization
from .params import mountedAt
from .request import IStreamsBody
from .sendfile import within

# What needs no encoding in the value of a query.
_SAFE: Final = "/:@!$'()*,~"
_ANY_BYTE: Final = "surrogateescape"


@dataclass(frozen=True, kw_only=True)
class PHPSite:
    """
    The layout of a PHP site.

    @ivar index: The files that are served for a folder; the first one that exists is used.
    @ivar tryFiles: The paths that are tried, in this order; C{$uri} is the path of the request. A
        path that ends in a slash is a folder with an index.
    @ivar frontController: The script, as a path from the root, for paths that do not exist; with
        L{None}, they get a 404. WordPress, Laravel, Symfony and Drupal need C{/index.php}. It may
        have a query, in which C{$path} is the path of the request without its first slash:
        DokuWiki needs C{/doku.php?id=$path}. The query of the request follows.
    @ivar suffixes: The endings of scripts' names. A file whose name ends so, in upper or lower
        case, is never sent as it is.
    @ivar hidden: Whether files and folders whose names begin with a dot are served. C{.well-known}
        always is.
    @ivar deny: Files and folders that are never served (403): paths from the root, with everything
        below them, or names without a slash, in any folder; C{*}, C{?} and C{[...]} are wildcards.
    @ivar noScripts: Where scripts are not run (403), in the form of C{deny}: folders to which users
        upload files.
    @ivar cacheControl: The Cache-Control header of files.
    @ivar scriptRoot: The root as php-fpm sees it, if it runs in a container or a chroot.
    @ivar resolveRoot: Whether symbolic links in the root are resolved. PHP's opcode cache needs
        that where a new release is deployed by changing a link.
    @ivar followLinks: Whether symbolic links may lead out of the root.
    """

    index: Sequence[str] = ("index.php", "index.html")
    tryFiles: Sequence[str] = ("$uri", "$uri/")
    frontController: str | None = None
    suffixes: Sequence[str] = (".php",)
    hidden: bool = False
    deny: Sequence[str] = ()
    noScripts: Sequence[str] = ()
    cacheControl: str | None = None
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
    DENIED = "what nobody gets to see"


@dataclass(frozen=True)
class _Found:
    """
    What a path leads to.

    @ivar pathInfo: What follows a script.
    @ivar query: The query that a script gets in place of that of the request.
    """

    kind: _Kind
    path: str
    pathInfo: str = ""
    query: str | None = None


@implementer(IStreamsBody)
class PHPResource(Resource):
    """
    Serves a folder: php-fpm runs scripts; other files are served as they are.

    A script is run only if its file exists below the root, so that no path that a browser makes up
    runs another file. The rest of the path after the script is its PATH_INFO.
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
        @param client: A client for php-fpm. It is not closed with the resource.
        @param site: The layout of the site.
        @param options: The options of the gateway.
        """
        super().__init__()
        self._site = site = PHPSite() if site is None else site
        self._root = os.path.realpath(root) if site.resolveRoot else os.path.abspath(root)
        self._scriptRoot = (site.scriptRoot or self._root).rstrip("/")
        self._suffixes = tuple(suffix.lower() for suffix in site.suffixes)
        self._deny = [fullMatcher(pattern) for pattern in site.deny]
        script, _, query = (site.frontController or "").partition("?")
        self._front = "/" + script.lstrip("/")
        self._frontQuery = query
        self._noScripts = [fullMatcher(pattern) for pattern in site.noScripts]
        self._gateway = Gateway(client, passingAuthorization(options))

    def render(self, request: Any) -> int:
        """
        Serve the file or the script to which the path leads.
        """
        try:
            mount, path = mountedAt(request)
            query = request.uri.partition(b"?")[2].decode("utf-8", "surrogateescape")
            found = self._find(normalPath(path), query) if path else _Found(_Kind.FOLDER, path)
            if found is not None and self._isDenied(found):
                found = _Found(_Kind.DENIED, found.path)
        except InvalidPath as error:
            return self._gateway.refuse(request, error)
        if found is None:
            return self._gateway.showError(request, 404)
        if found.kind is _Kind.DENIED:
            return self._gateway.showError(request, 403)
        if found.kind is _Kind.SCRIPT:
            more = {"REDIRECT_STATUS": "200"}
            if found.query is not None:
                more["QUERY_STRING"] = found.query
            return self._gateway.forward(
                request,
                mount + found.path,
                found.pathInfo or None,
                scriptFilename=self._scriptRoot + found.path,
                documentRoot=self._scriptRoot,
                **more,
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
        if self._site.cacheControl is not None:
            request.setHeader(b"Cache-Control", self._site.cacheControl.encode("latin-1"))
        try:
            serveFile(request, self._root + found.path, partial(self._gateway.showError, request))
        except OSError as error:
            code = 403 if isinstance(error, PermissionError) else 404
            self._log.info("{path}: {code}: {error}", path=found.path, code=code, error=error)
            self._gateway.showError(request, code)
        return NOT_DONE_YET

    def _find(self, path: str, query: str) -> _Found | None:
        """
        Go through what may be meant by a path, decoded and without dots and double slashes.

        @param query: The query of the request.
        """
        site = self._site
        if not site.hidden and any(
            name.startswith(".") and name != ".well-known" for name in path.split("/")
        ):
            return None
        if _isMeant(path, self._deny):
            return _Found(_Kind.DENIED, path)
        for pattern in site.tryFiles:
            candidate = re.sub("/+", "/", pattern.replace("$uri", path))
            found = self._findFile(candidate)
            if found is None and candidate.endswith("/"):
                found = self._findFolder(candidate, path.endswith("/"))
            if found is not None:
                return found
        if site.frontController is None:
            return None
        found = self._findFile(self._front)
        if found is None or not self._frontQuery:
            return found
        named = self._frontQuery.replace("$path", quote(path[1:], safe=_SAFE, errors=_ANY_BYTE))
        return replace(found, query="&".join(filter(None, (named, query))))

    def _findFile(self, path: str) -> _Found | None:
        """
        The script that a path begins with, or the file that it is.
        """
        script, pathInfo = splitPath(path, self._site.suffixes)
        if script and self._fileAt(script) is not None:
            return _Found(_Kind.SCRIPT, script, pathInfo)
        if path.endswith("/") or path.lower().endswith(self._suffixes):
            return None
        file = self._fileAt(path)
        # A link with another name does not show the source of a script, either.
        if file is None or file.lower().endswith(self._suffixes):
            return None
        return _Found(_Kind.FILE, path)

    def _findFolder(self, path: str, hasSlash: bool) -> _Found | None:
        """
        The index of a folder. One that is named as a script is none, as with nginx.
        """
        named = path.rstrip("/").lower()
        if named.endswith(self._suffixes) or not os.path.isdir(self._root + path):
            return None
        if not hasSlash:
            return _Found(_Kind.FOLDER, path)
        for index in self._site.index:
            found = self._findFile(path + index)
            if found is not None:
                return found
        return None

    def _fileAt(self, path: str) -> str | None:
        """
        The file that a path from the root leads to, with all symbolic links followed.
        """
        name = self._root + path
        if not os.path.isfile(name):
            return None
        return os.path.realpath(name) if self._site.followLinks else within(self._root, name)

    def _isDenied(self, found: _Found) -> bool:
        """
        Whether nobody gets to see what was found, though the path does not say so.
        """
        if found.kind is _Kind.SCRIPT and _isMeant(found.path, self._noScripts):
            return True
        return _isMeant(found.path, self._deny)


def _isMeant(path: str, patterns: Sequence[Callable[[str], object]]) -> bool:
    """
    Whether a path, something above it, or a name in it is meant by a pattern.
    """
    if not patterns:
        return False
    names = path.strip("/").split("/")
    above = ["/" + "/".join(names[:end]) for end in range(1, len(names) + 1)]
    return any(matches(each) for matches in patterns for each in (*names, *above))


def fullMatcher(pattern: str) -> Callable[[str], object]:
    """
    @param pattern: One of C{PHPSite.deny}.

    @return: Says whether a name, or a path from the root, is meant by it.
    """
    whole = "/" + pattern.strip("/") if "/" in pattern else pattern
    return re.compile(translate(whole)).match
