"""
Which script a path leads to: the gateway beside nginx and Apache, in front of the same php-fpm.

The table was made with both of them. Where they differ, it has what the gateway does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .backends import phpFPM
from .client import Browser
from .processes import Workspace, folder, freePort, ownHost
from .test_gateway import started
from .webservers import apache, nginx

SHOW = """<?php
header('Content-Type: application/json');
echo json_encode([$_SERVER['SCRIPT_NAME'], $_SERVER['PATH_INFO'] ?? '', $_SERVER['PHP_SELF'],
    $_SERVER['SCRIPT_FILENAME'], $_SERVER['REQUEST_URI']]);
"""

SITE = {
    "index.php": SHOW,
    "test.php": SHOW,
    "a b.php": SHOW,
    "sub/index.php": SHOW,
    "sub/a.txt": "text",
    "plain/a.txt": "text",
}

NGINX = """
server {{
    listen {host}:{port};
    root {root};
    index index.php index.html;
    location / {{
        try_files $uri $uri/ {fallback};
    }}
    location ~ [^/]\\.php(/|$) {{
        fastcgi_split_path_info ^(.+?\\.php)(/.*)$;
        if (!-f $document_root$fastcgi_script_name) {{
            return 404;
        }}
        fastcgi_param PATH_INFO $fastcgi_path_info;
        include /etc/nginx/fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
        fastcgi_pass unix:{socket};
    }}
}}
"""

APACHE = """
# a2enmod proxy_fcgi dir mime;
Listen {host}:{port}
DocumentRoot {root}
DirectoryIndex index.php index.html
TypesConfig /etc/mime.types
<Directory {root}>
    Require all granted
    {fallback}
</Directory>
<FilesMatch "\\.php$">
    SetHandler "proxy:unix:{socket}|fcgi://localhost"
</FilesMatch>
"""

Found = tuple[int, str, str]
INDEX = (200, "/index.php", "")
TEST = (200, "/test.php", "")
SUB = (200, "/sub/index.php", "")


def status(code: int) -> Found:
    """
    An answer that is no script's.
    """
    return code, "", ""


def info(pathInfo: str) -> Found:
    """
    The answer of the script that is asked for most.
    """
    return 200, "/test.php", pathInfo


# What each path leads to, without a front controller.
TABLE: dict[str, Found] = {
    "/": INDEX,
    "/test.php": TEST,
    "/test.php/": info("/"),
    "/test.php/foo": info("/foo"),
    "/test.php/foo/": info("/foo/"),
    "/test.php/foo//bar/": info("/foo/bar/"),
    "/test.php/a%20b%C3%BC": info("/a bü"),
    "/test.php/x.php/y": info("/x.php/y"),
    "/test.php?x=/y": TEST,
    "/test%2ephp": TEST,
    "//test.php": TEST,
    "/a%20b.php": (200, "/a b.php", ""),
    "/sub": status(301),
    "/sub/": SUB,
    "/sub//index.php": SUB,
    "/sub/index.php/x": (200, "/sub/index.php", "/x"),
    "/sub/../test.php": TEST,
    "/./test.php/./x": info("/x"),
    "/test.php/../sub/": SUB,
    "/plain": status(301),
    "/plain/a.txt": status(200),
    "/../test.php": status(400),
    "/%zz": status(400),
    "/test.php/%": status(400),
    "/TEST.PHP": status(404),
    "/test.phpx": status(404),
    "/nothing/": status(404),
    "/nothing/test.php/x": status(404),
    "/plain/a.txt/x.php": status(404),
}

# What changes with a front controller.
FRONT: dict[str, Found] = {
    "/TEST.PHP": INDEX,
    "/test.phpx": INDEX,
    "/nothing/": INDEX,
    "/nothing/test.php/x": INDEX,
    "/plain/a.txt/x.php": INDEX,
}

# Where the others answer otherwise: nginx has no front controller for what looks like a script,
# Apache none for what is below a file.
EXCEPTIONS: dict[tuple[str, bool], dict[str, Found]] = {
    ("nginx", True): {"/nothing/test.php/x": status(404), "/plain/a.txt/x.php": status(404)},
    ("apache", True): {"/plain/a.txt/x.php": status(404)},
}

Ports = dict[tuple[str, bool], int]


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[str, Ports]]:
    """
    The folder of the site, and the ports of all three, without and with a front controller.
    """
    with ExitStack() as stack:
        top = stack.enter_context(folder())
        top.chmod(0o755)
        root = top / "www"
        for name, content in SITE.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        workspace = Workspace(top)
        backend = stack.enter_context(phpFPM(workspace))
        os.chmod(workspace.socket, 0o666)
        ports: Ports = {}
        common = {"host": ownHost(), "root": str(root), "socket": workspace.socket}
        for front in (False, True):
            for name, start, text, fallbacks in (
                ("nginx", nginx, NGINX, ("=404", "/index.php?$args")),
                ("apache", apache, APACHE, ("", "FallbackResource /index.php")),
            ):
                port = freePort()
                own = Workspace(stack.enter_context(folder()))
                site = text.format(port=port, fallback=fallbacks[front], **common)
                child = stack.enter_context(start(own, site, port))
                child.waitUntilAccepting((ownHost(), port))
                ports[name, front] = port
            words = ("--backend", backend.endpoints[0], "--root", str(root), "--php")
            more = ("--front-controller", "/index.php") if front else ()
            _, ports["gateway", front] = stack.enter_context(started("fcgi-gateway", *words, *more))
        yield str(root), ports


@pytest.mark.xdist_group("gateway-paths")
@pytest.mark.parametrize("front", [False, True], ids=["without", "frontController"])
@pytest.mark.parametrize("server", ["nginx", "apache", "gateway"])
def test_paths(servers: tuple[str, Ports], server: str, front: bool) -> None:
    """
    Each path leads to the same script with the same PATH_INFO, whichever server is asked.
    """
    root, ports = servers
    expected = TABLE | (FRONT if front else {}) | EXCEPTIONS.get((server, front), {})
    found: dict[str, Found] = {}
    for path in expected:
        with Browser(ownHost(), ports[server, front]) as browser:
            answer = browser.fetch("GET", path)
        if answer.header("Content-Type") == ["application/json"]:
            script, pathInfo, own, file, uri = json.loads(answer.body)
            found[path] = answer.code, script, pathInfo
            assert (own, file, uri) == (script + pathInfo, root + script, path)
        else:
            found[path] = status(answer.code)
    assert found == expected
