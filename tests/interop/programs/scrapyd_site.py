"""
scrapyd, with its services, and its site for another server too.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scrapyd.app import application
from scrapyd.config import Config
from twisted.application.service import IServiceCollection
from twisted.internet import reactor

FOLDER = TemporaryDirectory(prefix="scrapyd-")

# The processes that run spiders look for it where they are started.
os.chdir(FOLDER.name)
Path("scrapyd.conf").write_text(
    "[scrapyd]\nbind_address =\nunix_socket_path = http.sock\npoll_interval = 0.2\n"
)
services: Any = IServiceCollection(application(Config()))
reactor.callWhenRunning(services.startService)
(site,) = (service.args[1] for service in services if hasattr(service, "args"))
