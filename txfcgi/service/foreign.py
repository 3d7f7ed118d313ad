"""
Options of gunicorn, uvicorn and uWSGI, and what takes their place here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_LISTEN: Final = "--port says where to listen, such as --port unix:/run/app/app.sock"
_HOST: Final = "--port says where to listen, such as --port tcp:9000:interface=127.0.0.1"
_CONFIG: Final = "options are given on the command line, or in the environment as TXFCGI_ARGS"
_HANG: Final = "--worker-timeout replaces a worker that hangs, and --request-timeout ends a request"
_PRELOAD: Final = (
    "each worker loads the app itself, so that a reload brings new code; --workers checks before "
    "that it can be loaded"
)
_CLASS: Final = "--app, --wsgi, --asgi or --resource says what kind of app is served"
_LOG: Final = "--logfile names the server's log; it is an option of twistd, and goes before fcgi"
_LEVEL: Final = (
    "the server logs everything from level info up, and the app decides what it logs itself"
)
_PEERS: Final = (
    "the web server sends the browser's address as a param, and any peer that may connect is "
    "trusted: --allow-from and --allow-user say which may"
)
_RELOAD: Final = "--reload watches the files that the app has loaded, and those beside them"
_DAEMON: Final = "twistd starts a daemon anyway, and twistd -n stays in the foreground"

#: What to do instead, by the name of the option.
FOREIGN: Final[Mapping[str, str]] = {
    "b": _LISTEN,
    "bind": _LISTEN,
    "uds": _LISTEN,
    "socket": _LISTEN,
    "host": _HOST,
    "t": _HANG,
    "timeout": _HANG,
    "graceful-timeout": "--drain-timeout says how long running requests may take to finish",
    "timeout-graceful-shutdown": (
        "--drain-timeout says how long running requests may take to finish"
    ),
    "preload": _PRELOAD,
    "k": _CLASS,
    "worker-class": _CLASS,
    "c": _CONFIG,
    "config": _CONFIG,
    "max-requests-jitter": "--worker-requests adds up to a tenth at random by itself",
    "limit-max-requests": "--worker-requests replaces a worker after so many requests",
    "limit-concurrency": "--max-requests says how many requests may run at once",
    "processes": "--workers sets the number of workers",
    "reload-dir": _RELOAD,
    "forwarded-allow-ips": _PEERS,
    "proxy-headers": _PEERS,
    "root-path": "--mount says below which path the app is served",
    "chdir": "--app-dir names the directory to search for the module",
    "access-logfile": "--access-log names the file for a line about each request",
    "access-logformat": "--access-log-format sets the format of these lines",
    "error-logfile": _LOG,
    "log-file": _LOG,
    "log-level": _LEVEL,
    "check-config": "--check loads everything, and says what would be served",
    "D": _DAEMON,
    "daemon": _DAEMON,
}

#: What C{--max-requests} means, where it may be meant as in gunicorn.
MAX_REQUESTS: Final = (
    "--max-requests {number} limits how many requests run at once in a worker. To replace a worker "
    "after {number} requests, as gunicorn's --max-requests does, use --worker-requests"
)
