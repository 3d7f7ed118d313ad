"""
The web servers: how each is started with its file out of C{docs/deploy/conf}, and what is known
about how it behaves. The files are used as they are but for addresses and paths; where a file has a
setting that matters, there is a front end for each value.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from .client import Browser
from .processes import Child, Workspace, folder, freePort, running
from .webservers import Starter, apache, caddy, haproxy, lighttpd, nginx

CHECKOUT = Path(__file__).parent.parent.parent
CONF = CHECKOUT / "docs" / "deploy" / "conf"

# What the files have where each test puts an address or a path of its own.
WEB = "127.0.0.1:8080"
TCP = "127.0.0.1:9000"
SOCKET = "/run/txfcgi/app.sock"
APPLICATION = "/srv/txfcgi"


class Upload(Enum):
    """
    What an application hears as CONTENT_LENGTH of a chunked upload that is not all there yet when
    the web server has read the head.
    """

    KNOWN = "the number of bytes, as the web server waits for all of them"
    ABSENT = None
    EMPTY = ""
    MINUS_ONE = "-1"


@dataclass(frozen=True)
class Site:
    """
    A web server that runs, with the application behind it.

    @ivar frontEnd: which one.
    @ivar server: its process.
    """

    frontEnd: FrontEnd
    host: str
    port: int
    server: Child

    def browser(self) -> Browser:
        """
        A new connection to the web server.
        """
        return Browser(self.host, self.port)


@dataclass(frozen=True)
class Backend:
    """
    An application's server that runs.

    @ivar path: of its Unix socket.
    @ivar address: host and port of its TCP socket, with a colon between them; empty if it has none.
    @ivar server: its process, if the tests started it.
    """

    path: str
    address: str = ""
    server: Child | None = None


OWN_APP = ("--app-dir", str(CHECKOUT), "--app", "tests.interop.app.app")


@contextmanager
def backend(
    workspace: Workspace, serve: Sequence[str], app: Sequence[str] = OWN_APP
) -> Iterator[Backend]:
    """
    Run C{twist} with L{tests.interop.app}, or another app, on a Unix and a TCP socket.

    @param serve: its command, and options of that.
    @param app: the options that name the app.
    """
    port = freePort()
    command = [sys.executable, "-m", "twisted", "--log-format=text", *serve]
    command += ["--port", f"unix:{workspace.socket}"]
    command += ["--port", f"tcp:{port}:interface={workspace.host}"]
    with running("app", [*command, *app], workspace.root) as child:
        child.waitUntilAccepting(workspace.socket, (workspace.host, port))
        yield Backend(workspace.socket, f"{workspace.host}:{port}", child)


def adapted(name: str, changes: Mapping[str, str]) -> str:
    """
    One of the files that people copy.

    @param name: its name.
    @param changes: literal text in it, and what to put there.
    @raise AssertionError: when the file has no such text.
    """
    text = (CONF / name).read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"{name} does not have {old!r}"
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class FrontEnd:
    """
    A web server with one of our files.

    @ivar name: what the tests call it.
    @ivar start: starts it.
    @ivar conf: the file.
    @ivar tcp: the text in the file that stands for the application's socket, and what to put there
        to reach it by TCP instead, with C{{}} for the address, C{{1}} and C{{2}} for its host and
        port; C{None} to leave it a Unix socket.
    @ivar settings: other text to change.
    @ivar spawns: it starts the application by itself.
    @ivar upload: what the application hears about the length of a chunked upload.
    @ivar notices: the application hears at once that the browser has gone, not only when it writes.
    @ivar keeps: it keeps connections to the application.
    @ivar joins: it joins repeated request headers to one.
    @ivar duplex: it goes on sending the request while the response comes.
    @ivar chunkedLimit: the most bytes of a chunked upload, if there is such a limit.
    @ivar chunkedRefusal: what it answers to one that is longer.
    @ivar breaksOff: it breaks off a response of unknown length that the application did not finish.
    @ivar keepsLength: it holds the application to the length that a response declares.
    @ivar path: the param that has the decoded path.
    @ivar serve: how the application is served: the command of C{twist}, and options of that.
    @ivar repeatsRefused: a request with a header that is there twice is refused.
    """

    name: str
    start: Starter
    conf: str
    tcp: tuple[str, str] | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    spawns: bool = False
    upload: Upload = Upload.KNOWN
    notices: bool = False
    keeps: bool = False
    joins: bool = True
    duplex: bool = True
    chunkedLimit: int | None = None
    chunkedRefusal: int = 400
    breaksOff: bool = True
    keepsLength: bool = True
    path: str = "PATH_INFO"
    serve: Sequence[str] = ("fcgi",)
    repeatsRefused: bool = False

    @contextmanager
    def running(self) -> Iterator[Site]:
        """
        Start it, and the application if it does not start that itself.
        """
        with ExitStack() as stack:
            workspace = Workspace(stack.enter_context(folder()))
            served = None if self.spawns else stack.enter_context(backend(workspace, self.serve))
            yield stack.enter_context(self.runningFor(workspace, served))

    @contextmanager
    def runningFor(self, workspace: Workspace, served: Backend | None) -> Iterator[Site]:
        """
        Start it, with an application that may run already.
        """
        with ExitStack() as stack:
            port = freePort()
            changes = dict(self.settings)
            if WEB in (CONF / self.conf).read_text("utf-8"):
                changes[WEB] = f"{workspace.host}:{port}"
            if served is None:
                changes.update(self.spawned(workspace))
            elif self.tcp is None:
                changes[SOCKET] = served.path
            else:
                host, _, number = served.address.rpartition(":")
                changes[self.tcp[0]] = self.tcp[1].format(served.address, host, number)
            site = adapted(self.conf, changes)
            server = stack.enter_context(self.start(workspace, site, port))
            server.waitUntilAccepting((workspace.host, port))
            yield Site(self, workspace.host, port, server)

    def spawned(self, workspace: Workspace) -> dict[str, str]:
        """
        Write the script that the web server starts.

        @return: what to change in the file for it.
        """
        place = workspace.root / "srv"
        place.mkdir()
        script = place / "app.fcgi"
        script.write_text(
            adapted(
                script.name,
                {
                    f"{APPLICATION}/venv/bin/python": sys.executable,
                    f'"{APPLICATION}"': f'"{CHECKOUT}"',
                    "from myapp import": "from tests.interop.app import",
                },
            ),
            "utf-8",
        )
        script.chmod(0o755)
        changes = {APPLICATION: str(place)}
        if SOCKET in (CONF / self.conf).read_text("utf-8"):
            changes[SOCKET] = workspace.socket
        return changes


NGINX_TCP = ("unix:/run/txfcgi/app.sock", "{}")
APACHE_TCP = ("unix:/run/txfcgi/app.sock|fcgi://localhost/", "fcgi://{}/")
APACHE_SCGI_TCP = ("unix:/run/txfcgi/app.sock|scgi://localhost/", "scgi://{}/")
HAPROXY_TCP = ("unix@/run/txfcgi/app.sock", "{}")
CADDY_TCP = ("unix//run/txfcgi/app.sock", "{}")
LIGHTTPD_TCP = ('"socket" => "/run/txfcgi/app.sock"', '"host" => "{1}", "port" => {2}')
NOT_BUFFERED_SCGI = {"scgi_request_buffering on;": "scgi_request_buffering off;"}
WITHOUT_VERSION = {"scgi_param SCGI            1;": ""}
NOT_KEPT = {"fastcgi_keep_conn on;": "fastcgi_keep_conn off;"}
NOT_BUFFERED = {"fastcgi_request_buffering on;": "fastcgi_request_buffering off;"}
MULTIPLEXED = {
    f"# {line}": line for line in ("http-reuse always", "option mpxs-conns", "option max-reqs 50")
}
TWO_QUESTIONS = {
    "AuthnzFcgiDefineProvider authnz txfcgi fcgi://127.0.0.1:9000/": (
        "AuthnzFcgiDefineProvider authn txfcgi fcgi://127.0.0.1:9000/\n"
        "AuthnzFcgiDefineProvider authz txfcgi fcgi://127.0.0.1:9000/"
    )
}


def nginxWith(
    name: str,
    tcp: tuple[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    upload: Upload = Upload.KNOWN,
    keeps: bool = False,
) -> FrontEnd:
    """
    nginx, with what all its variants have in common.
    """
    return FrontEnd(
        name,
        nginx,
        "nginx.conf",
        tcp=tcp,
        settings=settings or {},
        upload=upload,
        notices=True,
        keeps=keeps,
        joins=False,
        duplex=False,
    )


def haproxyWith(
    name: str,
    tcp: tuple[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
    keeps: bool = False,
) -> FrontEnd:
    """
    HAProxy, with what all its variants have in common.
    """
    return FrontEnd(
        name,
        haproxy,
        "haproxy.cfg",
        tcp=tcp,
        settings=settings or {},
        keeps=keeps,
        joins=False,
        chunkedLimit=10_000,
    )


def overSCGI(name: str, start: Starter, conf: str, **more: Any) -> FrontEnd:
    """
    A front end that speaks SCGI. Over it nothing can tell an answer that breaks off from one that
    is complete, but for TCP, when a connection is reset.
    """
    return FrontEnd(
        name, start, conf, serve=more.pop("serve", ("scgi",)), breaksOff="tcp" in more, **more
    )


def apacheOverSCGI(name: str, **more: Any) -> FrontEnd:
    """
    Apache over SCGI, with what all its variants have in common.
    """
    return overSCGI(
        name,
        apache,
        "apache-proxy-scgi.conf",
        duplex=False,
        chunkedLimit=-1,
        chunkedRefusal=411,
        keepsLength=False,
        path="SCRIPT_NAME",
        **more,
    )


def nginxOverSCGI(name: str, settings: Mapping[str, str] | None = None, **more: Any) -> FrontEnd:
    """
    nginx over SCGI, with what all its variants have in common.
    """
    more.setdefault("repeatsRefused", True)
    return overSCGI(
        name, nginx, "nginx-scgi.conf", settings=settings or {}, joins=False, duplex=False, **more
    )


OVER_SCGI = [
    nginxOverSCGI("nginx-scgi", notices=True),
    nginxOverSCGI("nginx-scgi-tcp", tcp=NGINX_TCP),
    nginxOverSCGI(
        "nginx-scgi-abort", tcp=NGINX_TCP, notices=True, serve=("scgi", "--abort-on-eof")
    ),
    nginxOverSCGI(
        "nginx-scgi-without-version",
        WITHOUT_VERSION,
        notices=True,
        serve=("scgi", "--lenient"),
        repeatsRefused=False,
    ),
    nginxOverSCGI("nginx-scgi-status-line", notices=True, serve=("scgi", "--status-line")),
    apacheOverSCGI("apache-scgi"),
    apacheOverSCGI("apache-scgi-tcp", tcp=APACHE_SCGI_TCP),
    overSCGI("lighttpd-scgi", lighttpd, "lighttpd-scgi.conf"),
]

# Uploads are a matter of luck with this one: see docs/deploy/nginx.rst.
NOT_BUFFERED_OVER_SCGI = nginxOverSCGI("nginx-scgi-not-buffered", NOT_BUFFERED_SCGI)

RESPONDERS = [
    nginxWith("nginx"),
    nginxWith("nginx-tcp", tcp=NGINX_TCP, keeps=True),
    nginxWith("nginx-not-kept", tcp=NGINX_TCP, settings=NOT_KEPT),
    nginxWith("nginx-not-buffered", settings=NOT_BUFFERED, upload=Upload.EMPTY),
    FrontEnd("apache", apache, "apache-proxy-fcgi.conf", upload=Upload.ABSENT),
    FrontEnd(
        "apache-tcp",
        apache,
        "apache-proxy-fcgi.conf",
        tcp=APACHE_TCP,
        upload=Upload.ABSENT,
        keeps=True,
    ),
    FrontEnd(
        "apache-not-kept",
        apache,
        "apache-proxy-fcgi.conf",
        tcp=APACHE_TCP,
        settings={"enablereuse=on": "enablereuse=off"},
        upload=Upload.ABSENT,
    ),
    FrontEnd(
        "apache-fcgid",
        apache,
        "apache-fcgid.conf",
        spawns=True,
        duplex=False,
        breaksOff=False,
    ),
    FrontEnd("lighttpd", lighttpd, "lighttpd.conf"),
    FrontEnd("lighttpd-spawn", lighttpd, "lighttpd-spawn.conf", spawns=True),
    haproxyWith("haproxy"),
    haproxyWith("haproxy-tcp", tcp=HAPROXY_TCP, keeps=True),
    haproxyWith("haproxy-mpxs", tcp=HAPROXY_TCP, settings=MULTIPLEXED, keeps=True),
    FrontEnd(
        "caddy",
        caddy,
        "Caddyfile",
        upload=Upload.MINUS_ONE,
        duplex=False,
        breaksOff=False,
    ),
    *OVER_SCGI,
]


def responder(name: str) -> FrontEnd:
    """
    One of them.
    """
    return next(frontEnd for frontEnd in RESPONDERS if frontEnd.name == name)


#: Those whose other socket is enough for most tests.
OVER_TCP = [
    FrontEnd(
        "caddy-tcp",
        caddy,
        "Caddyfile",
        tcp=CADDY_TCP,
        upload=Upload.MINUS_ONE,
        duplex=False,
        breaksOff=False,
    ),
    FrontEnd("lighttpd-tcp", lighttpd, "lighttpd.conf", tcp=LIGHTTPD_TCP),
    overSCGI("lighttpd-scgi-tcp", lighttpd, "lighttpd-scgi.conf", tcp=LIGHTTPD_TCP),
]

#: Those with the files for several machines, of which there is one.
ONE_MACHINE = [
    FrontEnd(
        "haproxy-machines",
        haproxy,
        "haproxy-machines.cfg",
        tcp=("127.0.0.2:9000", "{}"),
        settings={"server two 127.0.0.3:9000": "", "server three 127.0.0.4:9000": ""},
    ),
    FrontEnd(
        "nginx-machines",
        nginx,
        "nginx-machines.conf",
        tcp=("127.0.0.2:9000", "{}"),
        settings={
            f"server 127.0.0.{number}:9000 max_fails=1 fail_timeout=2s;": "" for number in (3, 4)
        },
    ),
]

AUTHORIZERS = [
    FrontEnd("apache", apache, "apache-authnz-fcgi.conf", tcp=(TCP, "{}")),
    FrontEnd(
        "apache-two-questions",
        apache,
        "apache-authnz-fcgi.conf",
        tcp=(TCP, "{}"),
        settings=TWO_QUESTIONS,
    ),
    FrontEnd("lighttpd", lighttpd, "lighttpd-authorizer.conf"),
]
