"""
nginx in front of a server, both measured together.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .browsers import Answer, load
from .contestants import Command
from .model import Column, Contestant, Sample, Sampler, Settings, isHere
from .process import cpuSeconds, residentKiB, running

COLUMNS = (
    Column("cpu", "CPU us", ",.1f"),
    Column("server", "of it the server's", ",.1f"),
    Column("rate", "answers/s", ",.0f"),
    Column("p50", "p50 us", ",.0f"),
    Column("p99", "p99 us", ",.0f"),
    Column("memory", "MiB", ",.1f"),
)

Protocol = Literal["fastcgi", "scgi", "uwsgi", "http"]

_CONFIGURATION = """\
{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    upstream server {{ server unix:{server}; {keep}}}
    server {{
        listen {address};
        listen 127.0.0.1:{port};
        location / {{ {location} }}
    }}
}}
"""

_LOCATIONS: dict[Protocol, str] = {
    "fastcgi": "include {folder}/fastcgi_params; fastcgi_pass server;",
    "scgi": "include {folder}/scgi_params; scgi_pass server;",
    "uwsgi": "include /etc/nginx/uwsgi_params; uwsgi_pass server;",
    "http": "proxy_set_header Host $host; proxy_pass http://server;",
}
_KEPT: dict[Protocol, str] = {
    "fastcgi": " fastcgi_keep_conn on;",
    "http": ' proxy_http_version 1.1; proxy_set_header Connection "";',
}
_KEEP = "keepalive 32; keepalive_requests 100000000; "


@dataclass(frozen=True, kw_only=True)
class Behind:
    """
    A server that nginx passes requests on to.

    @ivar command: Makes the command, in which C{{address}} stands for the socket's path.
    @ivar kept: Whether nginx keeps its connections to it.
    """

    name: str
    command: Command
    protocol: Protocol
    kept: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    peer: bool = False


def behindNginx(
    server: Behind, answer: Answer, missing: Callable[[Settings], str] = isHere
) -> Contestant:
    """
    A server behind nginx as a contestant: the CPU time is that of both, the memory the server's.

    @param missing: Says what of the server itself is not here.
    """

    def lacks(settings: Settings) -> str:
        return missing(settings) if os.path.exists(_program()) else "apt install nginx"

    @contextmanager
    def begin(settings: Settings) -> Iterator[Sampler]:
        with ExitStack() as stack:
            process = stack.enter_context(
                running(settings, server.name, server.command(settings), server.environment)
            )
            name = f"nginx before {server.name}"
            # Browsers come by TCP, as some servers want their port; the other says that it listens.
            with socket.create_server(("127.0.0.1", 0)) as free:
                port: int = free.getsockname()[1]
            command = _nginx(server, process.address, port)
            front = stack.enter_context(running(settings, name, command, {}))
            load(settings, port, answer)

            def sample() -> Sample:
                before = cpuSeconds(process.pid), cpuSeconds(front.pid)
                found = load(settings, port, answer)
                own = cpuSeconds(process.pid) - before[0]
                both = own + cpuSeconds(front.pid) - before[1]
                if not found.answers:
                    return Sample({}, found.errors, found.problem)
                values = {
                    "cpu": both * 1e6 / found.answers,
                    "server": own * 1e6 / found.answers,
                    "rate": found.answers / found.seconds,
                    "p50": found.latency(0.5),
                    "p99": found.latency(0.99),
                    "memory": residentKiB(process.pid) / 1024,
                }
                return Sample(values, found.errors, found.problem)

            yield sample

    return Contestant(server.name, begin, lacks, server.peer)


def _program() -> str:
    return shutil.which("nginx") or "/usr/sbin/nginx"


def _nginx(server: Behind, address: Path, port: int) -> Sequence[str]:
    """
    The command that starts nginx, with a configuration of its own.
    """
    path = address.with_suffix("")
    folder = path.with_suffix(".nginx")
    folder.mkdir(exist_ok=True)
    for protocol in ("fastcgi", "scgi"):
        _writeParams(folder, protocol)
    location = _LOCATIONS[server.protocol].format(folder=folder)
    if server.kept:
        location += _KEPT[server.protocol]
    configuration = path.with_suffix(".conf")
    configuration.write_text(
        _CONFIGURATION.format(
            user="user root;\n" if os.geteuid() == 0 else "",
            folder=folder,
            server=address,
            keep=_KEEP if server.kept else "",
            address=f"unix:{path.with_name(f'nginx-before-{path.name}.sock')}",
            port=port,
            location=location,
        ),
        "ascii",
    )
    return [_program(), "-e", "stderr", "-c", str(configuration)]


def _writeParams(folder: Path, protocol: str) -> None:
    """
    nginx's own params, but that the path is where programs look for it: in PATH_INFO.
    """
    known = Path(f"/etc/nginx/{protocol}_params").read_text("ascii").splitlines()
    kept = [line for line in known if "SCRIPT_NAME" not in line]
    own = [f"{protocol}_param PATH_INFO $uri;", f'{protocol}_param SCRIPT_NAME "";']
    (folder / f"{protocol}_params").write_text("\n".join([*kept, *own]) + "\n", "ascii")
