"""
The gateway as it is used: curl and Chromium on the built-in page, and php-fpm with a site that is
laid out as WordPress is.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from .backends import BIG, RunningBackend, phpFPM, sha256
from .client import Browser
from .processes import PATIENCE, Child, Workspace, find, folder, freePort, ownHost, running

# Nothing of these reaches out of this machine.
CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

SITE = {
    # As WordPress's own.
    "index.php": "<?php define('WP_USE_THEMES', true); require __DIR__ . '/wp-blog-header.php';",
    "wp-blog-header.php": """<?php
header('Content-Type: application/json');
header('Set-Cookie: one=1', false);
header('Set-Cookie: two=2', false);
$names = ['REQUEST_METHOD', 'REQUEST_URI', 'SCRIPT_NAME', 'SCRIPT_FILENAME', 'PHP_SELF',
    'PATH_INFO', 'QUERY_STRING', 'HTTP_HOST', 'SERVER_NAME', 'REMOTE_ADDR', 'HTTP_PROXY'];
$shown = ['get' => $_GET, 'post' => $_POST];
foreach ($names as $name) { $shown[$name] = $_SERVER[$name] ?? null; }
echo json_encode($shown);
""",
    "wp-login.php": "<?php http_response_code(302); header('Location: /wp-admin/');",
    "wp-admin/index.php": "<?php echo 'admin ', $_SERVER['SCRIPT_NAME'];",
    "wp-content/themes/style.css": "body { color: red }",
    "wp-content/uploads/evil.jpg": "<?php echo 'run';",
    "wp-config.php.bak": "<?php $password = 'secret';",
    ".htaccess": "Deny from all",
    "hash.php": "<?php echo hash_file('sha256', 'php://input'), \"\\n\";",
    "upload.php": "<?php echo $_FILES['file']['name'], ' ', $_FILES['file']['size'];",
    "big.php": """<?php
for ($number = 0; $number < 20 * 1024 * 1024 / 16; $number++) { printf("%015d\\n", $number); }
""",
    "early.php": """<?php
$there = __DIR__ . '/go-on';
echo 'answered';
fastcgi_finish_request();
while (!file_exists($there)) { usleep(10000); clearstatcache(); }
unlink($there);
""",
    "go-on.php": """<?php
touch(__DIR__ . '/go-on');
echo 'at work';
""",
    "die.php": """<?php
file_put_contents(__DIR__ . '/ran', file_get_contents('php://input') . "\\n", FILE_APPEND);
exec('kill -9 ' . getmypid());
""",
    "fail.php": "<?php error_log('what went wrong'); throw new Exception('a mistake');",
}


@contextmanager
def started(*words: str, kind: str = "tcp", more: str = "") -> Iterator[tuple[Child, int]]:
    """
    Run C{twistd} with HTTP on a port of its own.

    @param kind: of endpoint.
    @param more: arguments of it.
    """
    port = freePort()
    twistd = str(Path(sys.executable).with_name("twistd"))
    http = f"{kind}:{port}:interface={ownHost()}" + (more and f":{more}")
    with folder() as root:
        command = [twistd, "-n", "--pidfile=", *words, "--http", http]
        with running("twistd", command, root, directory=root) as child:
            child.waitUntilAccepting((ownHost(), port))
            yield child, port


@pytest.fixture(scope="module")
def builtIn() -> Iterator[str]:
    """
    The URL of the README's first command.
    """
    with started("fcgi") as (_, port):
        yield f"http://{ownHost()}:{port}"


def run(*words: str) -> str:
    """
    Run a program to its end, without the proxies that this machine may have.

    @return: What it wrote.
    """
    environment = {**os.environ, "no_proxy": "*"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.xdist_group("gateway")
class TestBuiltInPage:
    """
    What a newcomer sees.
    """

    def test_curl(self, builtIn: str) -> None:
        """
        curl gets and posts, with a length and without.
        """
        curl = find("curl", "curl")
        page = run(curl, "-sS", f"{builtIn}/some/path?x=1")
        assert "GET /some/path?x=1\n" in page
        assert "PATH_INFO=/some/path\n" in page
        page = run(curl, "-sS", "--data", "four", builtIn)
        assert page.endswith("stdin: 4 bytes\nfour\n")
        command = (curl, "-sS", "-H", "Transfer-Encoding: chunked", "--data", "four", builtIn)
        page = run(*command)
        assert "CONTENT_LENGTH=4\n" in page
        assert page.endswith("stdin: 4 bytes\nfour\n")

    def test_tls(self, tmp_path: Path) -> None:
        """
        Over TLS, an app hears of that.
        """
        openssl, curl = find("openssl", "openssl"), find("curl", "curl")
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
        run(
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        )
        tls = f"privateKey={key}:certKey={certificate}"
        with started("fcgi", kind="ssl", more=tls) as (_, port):
            page = run(curl, "-sSk", "--data", "four", f"https://{ownHost()}:{port}/x")
        for line in ("HTTPS=on", "REQUEST_SCHEME=https", f"SERVER_PORT={port}", "stdin: 4 bytes"):
            assert f"{line}\n" in page
        assert re.search(r"^SSL_PROTOCOL=TLSv1\.[23]$", page, re.MULTILINE)
        assert re.search(r"^SSL_CIPHER=\w", page, re.MULTILINE)

    def test_browser(self, builtIn: str, tmp_path: Path) -> None:
        """
        A browser shows the page, and what it posts by a form.
        """
        chromium = (find("chromium", "chromium"), *CHROMIUM)
        profile = f"--user-data-dir={tmp_path}/first"
        shown = run(*chromium, profile, "--dump-dom", f"{builtIn}/hello?x=<b>")
        assert "<h1>It works: this page came over FastCGI</h1>" in shown
        assert re.search(r'<code id="request">GET /hello\?x=%3Cb%3E</code>', shown)
        assert "HeadlessChrome" in shown
        form = tmp_path / "form.html"
        form.write_text(
            f'<form method="post" enctype="text/plain" action="{builtIn}/posted">'
            '<input name="text" value="from a form"></form>'
            "<script>document.forms[0].submit()</script>"
        )
        profile = f"--user-data-dir={tmp_path}/second"
        address = f"file://{quote(str(form))}"
        shown = run(*chromium, profile, "--virtual-time-budget=20000", "--dump-dom", address)
        assert '<code id="request">POST /posted</code>' in shown
        assert '<b id="size">18</b>' in shown
        assert "text=from a form" in shown


@pytest.fixture(scope="module")
def php() -> Iterator[tuple[Path, RunningBackend]]:
    """
    php-fpm, and the folder of the site.
    """
    with folder() as root:
        for name, content in SITE.items():
            path = root / "www" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        with phpFPM(Workspace(root)) as backend:
            yield root / "www", backend


@pytest.fixture(scope="module")
def gateway(php: tuple[Path, RunningBackend]) -> Iterator[tuple[Child, int]]:
    """
    C{twistd fcgi-gateway} before it.
    """
    root, backend = php
    words = ("--backend", backend.endpoints[0], "--root", str(root), "--php")
    with started("fcgi-gateway", *words, "--front-controller", "/index.php") as program:
        yield program


@pytest.fixture
def browser(gateway: tuple[Child, int]) -> Iterator[Browser]:
    """
    A connection to it.
    """
    with Browser(ownHost(), gateway[1]) as connection:
        yield connection


@pytest.mark.xdist_group("gateway")
class TestPHP:
    """
    A site in PHP.
    """

    def test_frontController(self, browser: Browser, php: tuple[Path, RunningBackend]) -> None:
        """
        A page that is no file is the front controller's, which sees what was asked for.
        """
        root = php[0]
        answer = browser.fetch("GET", "/2026/hello%20world/?a[]=1&a[]=2", [("Proxy", "evil")])
        assert (answer.code, answer.header("Set-Cookie")) == (200, ["one=1", "two=2"])
        shown = json.loads(answer.body)
        assert shown["get"] == {"a": ["1", "2"]}
        assert shown["REQUEST_URI"] == "/2026/hello%20world/?a[]=1&a[]=2"
        assert shown["SCRIPT_NAME"] == shown["PHP_SELF"] == "/index.php"
        assert shown["SCRIPT_FILENAME"] == f"{root}/index.php"
        assert (shown["PATH_INFO"], shown["HTTP_PROXY"]) == (None, None)
        assert (shown["SERVER_NAME"], shown["REMOTE_ADDR"]) == (ownHost(), "127.0.0.1")

    def test_layout(self, browser: Browser) -> None:
        """
        Scripts run, folders have their index, and files are shown.
        """
        assert browser.fetch("GET", "/wp-admin/").body == b"admin /wp-admin/index.php"
        assert browser.fetch("GET", "/wp-admin").header("Location") == ["/wp-admin/"]
        answer = browser.fetch("GET", "/wp-login.php")
        assert (answer.code, answer.header("Location")) == (302, ["/wp-admin/"])
        answer = browser.fetch("GET", "/wp-content/themes/style.css")
        assert (answer.header("Content-Type"), answer.body) == (
            ["text/css"],
            b"body { color: red }",
        )
        shown = json.loads(browser.fetch("GET", "/index.php/path/info").body)
        assert (shown["PATH_INFO"], shown["PHP_SELF"]) == ("/path/info", "/index.php/path/info")

    def test_notRun(self, browser: Browser) -> None:
        """
        What was uploaded is not run, whatever follows it; what is hidden is not shown.
        """
        answer = browser.fetch("GET", "/wp-content/uploads/evil.jpg")
        assert answer.body == b"<?php echo 'run';"
        for target in (
            "/wp-content/uploads/evil.jpg/x.php",
            "/wp-content/uploads/evil.jpg/.php",
            "/wp-content/uploads/evil.jpg%2fx.php",
        ):
            answer = browser.fetch("GET", target)
            assert b"run" not in answer.body
            # The front controller's answer; but for the hidden name, which is not there at all.
            assert answer.code == (404 if "/." in target else 200)
        assert browser.fetch("GET", "/.htaccess").code == 404
        assert browser.fetch("GET", "/wp-content/uploads/evil.jpg%0a.php").code == 400

    def test_forms(self, browser: Browser) -> None:
        """
        Forms and uploads arrive.
        """
        kind = ("Content-Type", "application/x-www-form-urlencoded")
        shown = json.loads(browser.fetch("POST", "/any", [kind], b"name=%C3%BC&b=1").body)
        assert shown["post"] == {"name": "ü", "b": "1"}
        body = (
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
            + b"x" * 1_000_000
            + b"\r\n--b--\r\n"
        )
        kind = ("Content-Type", "multipart/form-data; boundary=b")
        assert browser.fetch("POST", "/upload.php", [kind], body).body == b"a.bin 1000000"

    @pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
    def test_bigUpload(self, browser: Browser, chunked: bool) -> None:
        """
        20 MiB arrive whole, whether their length was told or not.
        """
        answer = browser.fetch("PUT", "/hash.php", body=BIG, chunked=chunked)
        assert answer.body == sha256(BIG)

    def test_hugeChunkedUpload(self, browser: Browser) -> None:
        """
        A body of unknown length may be larger than what one spools by default.
        """
        body = bytes(257 * 1024 * 1024)
        answer = browser.fetch("PUT", "/hash.php", body=body, chunked=True)
        assert answer.body == sha256(body)

    def test_finishedEarly(self, browser: Browser, gateway: tuple[Child, int]) -> None:
        """
        A script that ends its request and works on holds up nobody.
        """
        assert browser.fetch("GET", "/early.php").body == b"answered"
        with Browser(ownHost(), gateway[1]) as other:
            assert other.fetch("GET", "/wp-admin/").body == b"admin /wp-admin/index.php"
        # It is still at work, and goes on until it is told that the others were served.
        assert browser.fetch("GET", "/go-on.php").body == b"at work"

    def test_bigDownload(self, browser: Browser) -> None:
        """
        20 MiB come back whole.
        """
        assert browser.fetch("GET", "/big.php").body == BIG

    def test_mistake(self, browser: Browser, gateway: tuple[Child, int]) -> None:
        """
        A script that fails is a 500, and what it complains of is in the log.
        """
        assert browser.fetch("GET", "/fail.php").code == 500
        assert "what went wrong" in gateway[0].output()


@pytest.mark.xdist_group("gateway")
@pytest.mark.parametrize("more", [(), ("--keep",)], ids=["default", "kept"])
def test_diesOnce(php: tuple[Path, RunningBackend], more: tuple[str, ...]) -> None:
    """
    A POST whose script dies runs once, be there connections that were used before; the browser
    hears that it failed.
    """
    root, backend = php
    words = ("--backend", backend.endpoints[0], "--root", str(root), "--php", *more)
    ran = root / "ran"
    ran.unlink(missing_ok=True)
    with started("fcgi-gateway", *words) as (_, port), Browser(ownHost(), port) as browser:
        assert browser.fetch("GET", "/wp-admin/").code == 200
        assert browser.fetch("POST", "/die.php", body=b"order").code == 502
    assert ran.read_text() == "order\n"


@pytest.mark.xdist_group("gateway")
def test_backEndGone() -> None:
    """
    Without php-fpm, files are still shown, and scripts are a 502.
    """
    with folder() as root:
        (root / "a.php").write_text("<?php")
        (root / "a.txt").write_text("text")
        words = ("--backend", f"unix:{root}/gone.sock", "--root", str(root), "--php")
        with started("fcgi-gateway", *words) as (child, port), Browser(ownHost(), port) as browser:
            assert browser.fetch("GET", "/a.txt").body == b"text"
            answer = browser.fetch("GET", "/a.php")
            assert (answer.code, b"502 Bad Gateway" in answer.body) == (502, True)
            assert "502: RequestNotSent" in child.output()


@pytest.mark.xdist_group("gateway")
def test_ping(php: tuple[Path, RunningBackend]) -> None:
    """
    C{txfcgi ping} asks php-fpm's own pages; C{txfcgi get} runs a script.
    """
    root, backend = php
    program = (sys.executable, "-m", "txfcgi")
    assert run(*program, "ping", backend.endpoints[0], "--fpm-ping").startswith("OK status 200 in ")
    said = run(*program, "ping", backend.endpoints[1], "--fpm-status", "--max-queue", "0")
    assert re.match(r"OK active processes 1, idle processes \d+, listen queue 0", said)
    said = run(*program, "ping", backend.endpoints[1], "--fpm-status", "/status?full", "--json")
    assert [process["state"] for process in json.loads(said)["fpm"]["processes"]].count("Running")
    said = run(*program, "get", backend.endpoints[0], "/status?json", "-q")
    assert "active processes" in json.loads(said)
    said = run(
        *program, "get", backend.endpoints[0], "/wp-admin/index.php", "--root", str(root), "-q"
    )
    assert said == "admin /wp-admin/index.php"
