"""
The options of C{twistd fcgi} and C{twistd scgi} that name what to serve: an app, or a program for
another interface.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

from twisted.python.usage import UsageError

from ..adapters.threads import THREADS, sharedPool
from ..adapters.wsgi import MAX_BODY_BYTES, WSGIApp
from ..errors import InvalidPath
from ..server.application import App
from ..server.files import SendFile
from ..server.kinds import APP, ASGI, KLEIN, WSGI, Kind, kindOf, takes
from .commandline import CommandOptions, numberOption, oneOf
from .errors import CannotLoad
from .loading import callFactory, loadObject
from .loops import LOOPS, installLoop
from .outputs import currentOutputs

_NAMED = "a module and a name in it, as mod.name or mod:name"


def readSendFile(text: str) -> SendFile:
    """
    @param text: The header that asks a web server to send a file; for X-Accel-Redirect, also the
        path of the internal location and its folder.

    @return: The setting.

    @raise UsageError: It is something else.
    """
    style, *parts = text.split("=", 2)
    try:
        if style == "X-Sendfile" and len(parts) < 2:
            return SendFile("X-Sendfile", dict.fromkeys(parts, ""))
        if style == "X-Accel-Redirect" and len(parts) == 2:
            prefix, folder = parts
            return SendFile("X-Accel-Redirect", {folder: prefix})
    except InvalidPath as error:
        raise UsageError(f"--sendfile {text}: {error}") from error
    raise UsageError(
        "--sendfile takes X-Sendfile, X-Sendfile=/folder or X-Accel-Redirect=/prefix=/folder, not "
        f"{text!r}"
    )


class AppOptions(CommandOptions):
    """
    The options that name what to serve. Exactly one of them is given.
    """

    optParameters: ClassVar[Sequence[Sequence[Any]]] = [
        ["app", "a", None, "The app to serve: a module and a function in it, as mod.fn or mod:fn"],
        ["wsgi", None, None, f"A WSGI application to serve, such as Django's or Flask's: {_NAMED}"],
        ["asgi", None, None, f"An ASGI application to serve, such as FastAPI's: {_NAMED}"],
        [
            "lifespan",
            None,
            None,
            "Whether to send lifespan events to an ASGI application: auto, on, or off "
            "[default: auto]",
            oneOf("lifespan", "auto", "on", "off"),
        ],
        [
            "loop",
            None,
            None,
            "The asyncio loop to run in, asyncio or uvloop [default: asyncio, with --asgi]",
            oneOf("loop", *LOOPS),
        ],
        [
            "sendfile",
            None,
            None,
            "How the web server sends files that an ASGI application names (pathsend): "
            "X-Sendfile, or X-Accel-Redirect=/prefix=/folder, with the path of nginx's "
            "internal location and its folder. By default, txfcgi sends them",
            readSendFile,
        ],
        [
            "resource",
            None,
            None,
            "A twisted.web resource or site to serve, or a Klein app's resource method, such as "
            f"mysite.app.resource: {_NAMED}",
        ],
        ["path", None, None, "A directory of files to serve, or one file"],
        ["app-dir", "d", ".", "The directory to search for the module first"],
        numberOption("threads", THREADS, "Threads for --wsgi, and for threaded() in an app", int),
    ]

    optFlags: ClassVar[Sequence[Sequence[Any]]] = [
        ["factory", None, "Call the named function, and serve what it returns"],
    ]

    _bodyGiven = False

    def __setitem__(self, name: str, value: object) -> None:
        """
        Set an option.

        @raise UsageError: It names what to serve, and was already given.
        """
        if name in self._makers() and self.get(name) is not None:
            raise UsageError(
                f"--{name} {value}: --{name} {self[name]} was given already, and a server "
                "serves one app. To serve several, write an app that chooses, for example by "
                "request.path"
            )
        self._bodyGiven = self._bodyGiven or name == "max-body-bytes"
        super().__setitem__(name, value)

    @property
    def served(self) -> list[str]:
        """
        The given options that name what to serve.
        """
        return [f"--{name}" for name in self._makers() if self[name]]

    def _makers(self) -> dict[str, Callable[[str, str], App]]:
        """
        Functions that make the app, by the name of the option. Each takes the option and its value.
        """
        return {
            "app": self._app,
            "wsgi": self._wsgi,
            "asgi": self._asgi,
            "resource": self._resource,
            "path": self._path,
        }

    @property
    def choosesReactor(self) -> bool:
        """
        Whether the app needs a reactor of its own.
        """
        return self["asgi"] is not None or self["loop"] is not None

    def installReactor(self) -> None:
        """
        Install the reactor that the app needs, before anything else installs one.

        @raise CannotServe: Another reactor is installed, or this one is not available.
        """
        if self["lifespan"] is not None and not self["asgi"]:
            raise UsageError("--lifespan is for an ASGI application: use it with --asgi")
        if self["sendfile"] is not None and not self["asgi"]:
            raise UsageError(
                "--sendfile is for an ASGI application: use it with --asgi. In an app, use "
                "Response.file(path, sendFile=...)"
            )
        if self.choosesReactor:
            served = f" --asgi {self['asgi']}" if self["asgi"] else ""
            remedy = f"Leave --reactor out: {os.path.basename(sys.argv[0])} {self.command}{served}"
            installLoop(self["loop"] or "asyncio", remedy)

    def application(self) -> App:
        """
        Make the app.

        @raise UsageError: The app can't be loaded, or is something else.
        """
        if len(self.served) > 1:
            raise UsageError(f"{' and '.join(self.served)}: give only one of them")
        if self["threads"] < 1:
            raise UsageError(f"--threads takes a whole number of at least 1, not {self['threads']}")
        [option] = self.served
        sharedPool().threads = self["threads"]
        name = option[2:]
        return self._makers()[name](option, self[name])

    def load(self, option: str, name: str, wanted: Kind | None) -> Any:
        """
        Load the named object.

        @param wanted: The kind of program to expect, unless another function checks that.
        @raise UsageError: The object does not exist, or is of another kind.
        """
        directory = self["app-dir"]
        if not os.path.isdir(directory):
            raise UsageError(f"--app-dir {directory}: the directory does not exist")
        try:
            # A worker's own standard error leads to the log already.
            with nullcontext() if self.parent is None else currentOutputs():
                found = loadObject(name, directory)
                if self["factory"]:
                    found = callFactory(name, found)
            if wanted is not None:
                _check(name, found, wanted)
        except CannotLoad as error:
            raise UsageError(f"{option} {error}") from error
        return found

    def _app(self, option: str, name: str) -> App:
        app: App = self.load(option, name, APP)
        return app

    def _wsgi(self, option: str, name: str) -> App:
        return WSGIApp(
            self.load(option, name, WSGI),
            pool=sharedPool(),
            multiprocess=self["workers"] is not None,
            **self.bodyLimits(),
        )

    def _asgi(self, option: str, name: str) -> App:
        from ..adapters.asgi import ASGIApp  # Other apps don't need asyncio.

        return ASGIApp(
            self.load(option, name, ASGI),
            lifespan=self["lifespan"] or "auto",
            maxBodyBytes=self.bodyLimits()["maxBodyBytes"],
            sendFile=self["sendfile"],
            name=name,
        )

    def _resource(self, option: str, name: str) -> App:
        # It imports most of twisted.web, which no other kind needs.
        from ..adapters.resource import ResourceApp

        found = self.load(option, name, None)
        try:
            return ResourceApp(found, **self.bodyLimits())
        except TypeError as error:
            hint = " If it makes a resource, add --factory" if takes(found, 0) else ""
            raise UsageError(f"{option} {name}: {error}{hint}") from error

    def _path(self, option: str, path: str) -> App:
        from ..adapters.resource import ResourceApp
        from ..web.folder import Folder

        if self["factory"]:
            raise UsageError("--factory does not go with --path, which names files")
        if not os.path.exists(path):
            raise UsageError(f"{option} {path}: the file or directory does not exist")
        return ResourceApp(Folder(os.path.abspath(path)), **self.bodyLimits())

    def bodyLimits(self) -> dict[str, int]:
        """
        The arguments of an adapter for the bodies of requests. An adapter has its own limit, unless
        C{none} is given.
        """
        given = self["max-body-bytes"]
        if given is None:
            given = sys.maxsize if self._bodyGiven else MAX_BODY_BYTES
        return {"maxBodyBytes": given}


def _check(name: str, thing: object, wanted: Kind) -> None:
    """
    @raise CannotLoad: The object is of another kind.
    """
    if takes(thing, wanted.arguments):
        return
    kind = kindOf(thing)
    if kind is not None:
        hint = f"is {kind.what}: use {kind.option} {name}{'.resource' if kind is KLEIN else ''}"
    elif not callable(thing):
        hint = f"is of type {type(thing).__name__}, which can't be called; name {wanted.what}"
    elif takes(thing, 0):
        hint = f"takes no arguments: if it makes {wanted.what}, add --factory"
    else:
        hint = f"can't be called with {wanted.arguments} arguments, as {wanted.what} is"
    raise CannotLoad(f"{name}: it {hint}")
