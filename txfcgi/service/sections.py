"""
The sections of C{--help}, for C{twistd fcgi}, C{scgi} and C{fcgi-gateway}.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .helppage import Page, Section

_MORE = (
    "Options of twistd itself, such as -n (stay in the foreground), --pidfile=, --logfile and "
    "--uid, go before {command}: see twistd --help. The environment variable "
    "TXFCGI_ARGS holds options that apply before these. The manual is in "
    "docs/running.rst."
)

_LISTENING = Section(
    "Listening",
    {
        "port": "ENDPOINT",
        "allow-from": "ADDRESSES",
        "allow-user": "USERS",
        "allow-group": "GROUPS",
        "insecure": "",
    },
)

_APP = Section(
    "App (one of the first five)",
    {
        "app": "MOD.NAME",
        "wsgi": "MOD.NAME",
        "asgi": "MOD.NAME",
        "resource": "MOD.NAME",
        "path": "PATH",
        "app-dir": "DIRECTORY",
        "factory": "",
        "mount": "PREFIX",
        "path-from": "params|uri",
        "threads": "N",
        "lifespan": "auto|on|off",
        "sendfile": "HEADER",
        "loop": "asyncio|uvloop",
        "startup-timeout": "",
        "interim": "",
        "coalesce": "",
    },
)

_WORKERS = Section(
    "Workers",
    {"workers": "N|auto", "worker-requests": "", "worker-timeout": ""},
)

_LOGS = Section(
    "Logs",
    {
        "access-log": "FILE|-|none",
        "access-log-format": "FORMAT",
        "slow-after": "",
        "log-to-stderr": "",
    },
)

_DEVELOPMENT = Section(
    "Development",
    {
        "http": "ENDPOINT",
        "reload": "",
        "check": "",
        "http-head-bytes": "",
        "http-header-count": "",
        "http-write-timeout": "",
        "help": "",
        "version": "",
    },
)

_HEALTH = Section(
    "Health",
    {"status": "ENDPOINT", "ping-path": "PATH", "status-path": "PATH"},
)

_STOPPING = Section(
    "Stopping",
    {"drain-timeout": "", "drain-idle": "", "drain-inherited": ""},
)

_LIMITS = Section(
    "Limits",
    {
        "max-body-bytes": "",
        "max-spool-bytes": "",
        "max-connections": "",
        "max-requests": "",
        "max-requests-per-connection": "",
        "max-requests-per-connection-total": "",
        "max-params-bytes": "",
        "max-params-count": "",
        "max-head-bytes": "",
        "max-collect-bytes": "",
        "max-stream-bytes": "",
        "max-connection-bytes": "",
        "max-output-bytes": "",
        "max-linger-bytes": "",
        "request-timeout": "",
        "params-timeout": "",
        "body-timeout": "",
        "write-timeout": "",
        "idle-timeout": "",
        "linger-timeout": "",
        "close-timeout": "",
        "abort-slow-readers": "",
    },
)


def _serving(command: str, protocol: str, own: Section) -> Page:
    return Page(
        usage=f"{command} --port ENDPOINT --app MODULE.NAME [options]",
        summary=(
            f"Serves an app over {protocol}, behind a web server. SIGTERM stops the server "
            "after running requests have finished."
        ),
        sections=[
            _APP,
            _LISTENING,
            _WORKERS,
            _LOGS,
            _HEALTH,
            _STOPPING,
            own,
            _LIMITS,
            _DEVELOPMENT,
        ],
        examples=[
            f"twistd {command} --port unix:/run/app/app.sock --app mod.fn",
            f"twistd {command} --port unix:/run/app.sock --wsgi mysite.wsgi:application --mount /",
            f"twistd -n {command} --http tcp:8080:interface=127.0.0.1 --app mod.fn",
        ],
        more=_MORE.format(command=command),
    )


_FCGI = _serving(
    "fcgi",
    "FastCGI",
    Section(
        "FastCGI", {"no-multiplex": "", "lenient": "RULES", "duplicate-params": "last|first|reject"}
    ),
)
_SCGI = _serving(
    "scgi", "SCGI", Section("SCGI", {"lenient": "", "status-line": "", "abort-on-eof": ""})
)

_GATEWAY = Page(
    usage="fcgi-gateway --http ENDPOINT --backend ENDPOINT [options]",
    summary=(
        "Serves HTTP in front of a FastCGI or SCGI back end, such as php-fpm. SIGTERM "
        "stops the server after running requests have finished."
    ),
    sections=[
        Section(
            "Listening and calling",
            {
                "http": "ENDPOINT",
                "backend": "ENDPOINT",
                "scgi": "",
                "keep": "",
                "no-keep": "",
                "max-connections": "",
                "param": "NAME=VALUE",
                "server-name": "NAME",
                "pass-authorization": "",
                "no-pass-authorization": "",
                "unknown-length": "spool|stream|refuse",
            },
        ),
        Section(
            "PHP sites",
            {
                "php": "",
                "root": "FOLDER",
                "front-controller": "SCRIPT",
                "index": "NAMES",
                "deny": "PATH|NAME",
                "no-php-below": "PATH",
                "cache-control": "VALUE",
                "follow-links": "",
                "script-root": "FOLDER",
                "sendfile-root": "FOLDER",
            },
        ),
        Section(
            "Behind another web server",
            {
                "trust-forwarded": "NETWORKS",
                "forwarded-header": "x-forwarded|forwarded",
                "trust-forwarded-host": "",
            },
        ),
        _STOPPING,
        Section(
            "Limits",
            {
                "max-body-bytes": "",
                "max-spool-bytes": "",
                "http-head-bytes": "",
                "http-header-count": "",
                "http-write-timeout": "",
                "connect-timeout": "",
                "pool-wait-timeout": "",
                "write-timeout": "",
                "first-byte-timeout": "",
                "between-bytes-timeout": "",
                "total-timeout": "",
            },
        ),
        Section("Help", {"help": "", "version": ""}),
    ],
    examples=[
        "twistd fcgi-gateway --http tcp:8080 --backend /run/php/php-fpm.sock \\\n"
        "      --root /srv/www --php",
        "twistd fcgi-gateway --http tcp:8080 --backend tcp:127.0.0.1:9000",
        "twistd fcgi-gateway --http tcp:8080 --backend unix:/run/app.sock --scgi",
    ],
    more=(
        "Options of twistd itself, such as -n (stay in the foreground), --pidfile= and --logfile, "
        "go before fcgi-gateway: see twistd --help. The manual is in docs/gateway.rst."
    ),
)

#: The help pages, by the name of the command.
PAGES: Final[Mapping[str, Page]] = {"fcgi": _FCGI, "scgi": _SCGI, "fcgi-gateway": _GATEWAY}


def commandsWith(option: str) -> list[str]:
    """
    @param option: The name of an option.

    @return: The commands that have it.
    """
    return [
        command
        for command, page in PAGES.items()
        if any(option in section.options for section in page.sections)
    ]
