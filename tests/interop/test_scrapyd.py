"""
scrapyd, a well-known program of twisted.web's, behind nginx over FastCGI, with its own client. It
brings much with it: nox's session C{matrix} runs it, with C{TXFCGI_MATRIX} in the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from ..service.processes import until
from .client import Browser
from .frontends import Site, responder
from .test_programs import Program, served

SCRAPYD = Program("scrapyd", "--resource=scrapyd_site.site")
SPIDER = """\
import scrapy

class Spider(scrapy.Spider):
    name = "hello"
    start_urls = ["data:,hello"]

    def parse(self, response):
        yield {"text": response.text}
"""


def makeProject(folder: Path, url: str) -> None:
    """
    Write a Scrapy project with a spider.
    """
    package = folder / "demo" / "spiders"
    package.mkdir(parents=True)
    (folder / "demo" / "__init__.py").write_text("")
    (folder / "demo" / "settings.py").write_text('SPIDER_MODULES = ["demo.spiders"]\n')
    (package / "__init__.py").write_text("")
    (package / "hello.py").write_text(SPIDER)
    (folder / "scrapy.cfg").write_text(
        f"[settings]\ndefault = demo.settings\n[deploy]\nurl = {url}\nproject = demo\n"
    )


def client(folder: Path, command: str, *words: str) -> str:
    """
    Run a command of scrapyd's client.

    @return: What it says.
    """
    program = str(Path(sys.executable).with_name(command))
    done = subprocess.run([program, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ask(site: Site, target: str) -> Any:
    """
    Ask scrapyd's own interface.
    """
    with closing(Browser(site.host, site.port)) as browser:
        answer = browser.fetch("GET", target)
    assert answer.code == 200
    return json.loads(answer.body)


def deploy(folder: Path) -> None:
    """
    A project is deployed, its spider is found, and runs to its end; its log can be read.
    """
    nginx = responder("nginx")
    with served(SCRAPYD, nginx, "/") as running:
        site = running.site
        url = f"http://{site.host}:{site.port}"
        makeProject(folder, url)
        assert '"status": "ok"' in client(folder, "scrapyd-deploy")
        assert "demo" in client(folder, "scrapyd-client", "projects")
        assert "hello" in client(folder, "scrapyd-client", "spiders", "-p", "demo")
        client(folder, "scrapyd-client", "schedule", "-p", "demo", "hello")
        until(lambda: bool(ask(site, "/listjobs.json?project=demo")["finished"]))
        (job,) = ask(site, "/listjobs.json?project=demo")["finished"]
        with closing(Browser(site.host, site.port)) as browser:
            log = browser.fetch("GET", f"/logs/demo/hello/{job['id']}.log", [("Range", "bytes=0-")])
            page = browser.fetch("GET", "/jobs")
        assert (log.code, page.code) == (206, 200)
        assert b"'text': 'hello'" in log.body


if os.environ.get("TXFCGI_MATRIX"):

    def test_scrapyd(tmp_path: Path) -> None:
        """
        It works with its own client, and a spider runs.
        """
        deploy(tmp_path)
