"""
Real sites behind the gateway: DokuWiki and Adminer, as Debian packages them, are crawled beside
nginx in front of the same php-fpm, and both answers to each URL have to be the same.

C{nox -s sites} runs this. The packages are downloaded and unpacked into a folder, not installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from urllib.parse import urldefrag, urljoin, urlsplit

from .backends import phpFPM
from .client import Answer, Browser
from .processes import Workspace, folder, freePort, ownHost
from .test_gateway import started
from .webservers import nginx

HOST = "site.example"

PACKAGES = (
    *("dokuwiki", "adminer", "libphp-simplepie", "php-geshi", "php-phpseclib", "php-random-compat"),
    *("libjs-jquery", "libjs-jquery-cookie", "libjs-jquery-ui", "php8.2-xml", "php8.2-sqlite3"),
)

# What is another for each answer: times, and what is made up by chance.
_VARYING = re.compile(
    rb"\b1[0-9]{9}\b|(?<=name=\"sectok\" value=\")[0-9a-f]*|(?<=sectok=)[0-9a-f]+"
    rb"|(?<=name='token' value=')[0-9:]*|(?<=nonce=\")[^\"]*|'[0-9]+:[0-9]+'"
)
# An editor has a lock, which the next to ask for it meets.
_LOCKS = "do=edit"

NGINX = """
include /etc/nginx/mime.types;
default_type application/octet-stream;
server {{
    listen {host}:{port};
    root {root};
    index index.php index.html;
    disable_symlinks off;
    {deny}
    location / {{
        try_files $uri $uri/ @front;
    }}
    location @front {{
        rewrite ^/(.*) {front} last;
    }}
    location ~ /\\. {{
        return 404;
    }}
    location ~ [^/]\\.php(/|$) {{
        fastcgi_split_path_info ^(.+?\\.php)(/.*)$;
        if (!-f $document_root$fastcgi_script_name) {{
            return 404;
        }}
        fastcgi_param PATH_INFO $fastcgi_path_info;
        include {params};
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
        fastcgi_param SERVER_PORT 80;
        fastcgi_param SERVER_NAME {name};
        fastcgi_param SERVER_SOFTWARE nginx/1.22;
        fastcgi_pass unix:{socket};
    }}
}}
"""


@dataclass(frozen=True)
class Program:
    """
    A program that is crawled.

    @ivar folder: Where it is among the unpacked files.
    @ivar front: Its front controller, as an option of the gateway.
    @ivar rewritten: The same for nginx.
    @ivar starts: What is asked for first; the links in the answers follow.
    @ivar deny: What nobody gets to see.
    """

    name: str
    folder: str
    front: str
    rewritten: str
    starts: Sequence[str]
    most: int
    deny: Sequence[str] = field(default=())


PROGRAMS = (
    Program(
        "DokuWiki",
        "usr/share/dokuwiki",
        "/doku.php?id=$path",
        "/doku.php?id=$1&$args",
        (
            *("/doku.php", "/", "/doku.php/?do=export_raw", "/doku.php/wiki:syntax", "/no:page"),
            *("/wiki:syntax?do=export_raw", "/wiki:syntax?do=export_xhtml", "/lib", "/lib/"),
            *("/inc/init.php", "/inc", "/bin/", "/vendor/autoload.php", "/feed.php", "/VERSION"),
            *("/lib/exe/css.php", "/lib/exe/js.php", "/lib/exe/jquery.php", "/lib/exe/ajax.php"),
            *("/lib/images/README", "/lib/tpl/dokuwiki/images/logo.png", "/.htaccess", "/%zz"),
            *("/lib//images/../images/blank.gif", "/lib/images/none.gif", "/doku.php/", "/a%20b"),
            *("/lib/exe/fetch.php?media=wiki:dokuwiki-128.png"),
            *("/doku.php?do=login", "/doku.php?do=recent", "/doku.php?do=index"),
            "/start?do=revisions",
        ),
        80,
        ("/inc", "/bin", "/vendor"),
    ),
    Program(
        "Adminer",
        "usr/share/adminer",
        "/adminer.php",
        "/adminer.php?$args",
        (
            # Of a folder without an index, nginx says 403; Apache and the gateway ask the front
            # controller.
            *("/adminer.php", "/adminer.php?lang=de", "/adminer.php?sqlite=&username="),
            *("/editor.php", "/designs", "/adminer/", "/adminer", "/any/page?x=1"),
            *("/adminer.php?file=default.css&version=4.8.1", "/adminer.php/path/info"),
            *("/adminer.php?file=functions.js&version=4.8.1", "/adminer.php?file=favicon.ico"),
        ),
        40,
    ),
)


def unpack(root: Path) -> None:
    """
    Download the packages and unpack them, with all that names a place in them pointing there.
    """
    debs = root / "debs"
    debs.mkdir()
    subprocess.run(["apt-get", "-q", "download", *PACKAGES], cwd=debs, check=True)
    for deb in sorted(debs.iterdir()):
        subprocess.run(["dpkg", "-x", str(deb), str(root)], check=True)
    places = re.compile(rb"(?<![\w/])/(?=(?:etc|var/lib|usr/share)/)")
    for path in root.rglob("*"):
        if path.is_symlink():
            target = os.readlink(path)
            if target.startswith("/"):
                path.unlink()
                path.symlink_to(f"{root}{target}")
        elif path.suffix in (".php", ".inc") and path.is_file():
            content = path.read_bytes()
            changed = places.sub(os.fsencode(root) + b"/", content)
            if changed != content:
                path.write_bytes(changed)
    wiki = root / "var" / "lib" / "dokuwiki"
    etc = root / "etc" / "dokuwiki"
    shutil.copy(etc / "acl.auth.php.dist", wiki / "acl" / "acl.auth.php")
    shutil.copy(etc / "users.auth.php.dist", wiki / "acl" / "users.auth.php")
    # The indexer and the rendering of dates would make two answers differ.
    (etc / "local.php").write_text(
        "<?php $conf['useacl'] = 0; $conf['dformat'] = 'never'; $conf['cachetime'] = -1;\n"
        "$conf['gzip_output'] = 0; $conf['compress'] = 0;\n"
    )


def comparable(answer: Answer) -> tuple[object, ...]:
    """
    What of an answer has to be the same.
    """
    body = _VARYING.sub(b"", answer.body)
    kinds = [kind.partition(";")[0] for kind in answer.header("Content-Type")]
    # RFC 9239 has the newer name.
    kinds = [kind.replace("application/javascript", "text/javascript") for kind in kinds]
    places = [
        urlsplit(place)._replace(scheme="", netloc="").geturl()
        for place in answer.header("Location")
    ]
    if answer.code == 301 or (answer.code >= 400 and len(body) < 1_000 and b"</html>" in body):
        body, kinds = b"", []  # the pages of web servers are their own
    return answer.code, kinds, places, body


def linksIn(answer: Answer, base: str) -> Iterator[str]:
    """
    The links of a page that stay on the site.
    """
    if not any("html" in kind for kind in answer.header("Content-Type")):
        return
    for link in re.findall(rb"(?:href|src)=[\"']([^\"'#]+)", answer.body):
        joined = urljoin(f"http://{HOST}{base}", unescape(link.decode("utf-8", "replace")))
        whole = urldefrag(joined)[0]
        parts = urlsplit(whole)
        if parts.netloc == HOST and whole.isascii() and " " not in whole and _LOCKS not in whole:
            yield (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def crawl(program: Program, ports: tuple[int, int]) -> tuple[int, list[str]]:
    """
    Ask nginx and the gateway for one URL after the other.

    @return: How many were asked for, and what differs.
    """
    waiting, seen, different = list(program.starts), set[str](), []
    while waiting and len(seen) < program.most:
        target = waiting.pop(0)
        if target in seen:
            continue
        seen.add(target)
        answers = []
        for port in ports:
            with Browser(ownHost(), port) as browser:
                answers.append(browser.fetch("GET", target, [("Host", HOST)]))
        first, second = map(comparable, answers)
        if first != second:
            different.append(f"{program.name} {target}: {difference(first, second)}")
        waiting += linksIn(answers[0], target)
    return len(seen), different


def difference(first: Iterable[object], second: Iterable[object]) -> str:
    """
    What differs, in short.
    """
    for one, other in zip(first, second, strict=True):
        if one != other:
            if isinstance(one, bytes) and isinstance(other, bytes):
                pairs = enumerate(zip(one, other, strict=False))
                at = max(0, next((n for n, (a, b) in pairs if a != b), len(one)) - 40)
                one, other = one[at : at + 120], other[at : at + 120]
            return f"nginx {one!r}, the gateway {other!r}"
    return "nothing"


def main() -> int:
    """
    Crawl all programs.

    @return: 0 if every answer is the same.
    """
    total, different = 0, []
    with ExitStack() as stack:
        root = stack.enter_context(folder())
        root.chmod(0o755)
        unpack(root)
        modules = next((root / "usr" / "lib" / "php").iterdir())
        extensions = "\n".join(
            f"php_admin_value[extension] = {modules}/{name}.so"
            for name in ("dom", "xml", "simplexml", "sqlite3")
        )
        workspace = Workspace(root)
        backend = stack.enter_context(phpFPM(workspace, settings=extensions))
        os.chmod(workspace.socket, 0o666)
        own = root / "fastcgi_params"
        lines = Path("/etc/nginx/fastcgi_params").read_text("utf-8").splitlines()
        replaced = ("SERVER_PORT", "SERVER_NAME", "SERVER_SOFTWARE")
        kept = [line for line in lines if not any(name in line for name in replaced)]
        own.write_text("\n".join(kept))
        for program in PROGRAMS:
            site = root / program.folder
            port = freePort()
            denied = "|".join(path.lstrip("/") for path in program.deny)
            conf = NGINX.format(
                host=ownHost(),
                port=port,
                root=site,
                socket=workspace.socket,
                front=program.rewritten,
                params=own,
                name=HOST,
                deny=f"location ~ ^/({denied})(/|$) {{ return 403; }}" if denied else "",
            )
            place = Workspace(stack.enter_context(folder()))
            server = stack.enter_context(nginx(place, conf, port))
            server.waitUntilAccepting((ownHost(), port))
            words = ["--backend", backend.endpoints[0], "--root", str(site), "--php"]
            words += ["--front-controller", program.front, "--follow-links", "--server-name", HOST]
            words += ["--param", "SERVER_PORT=80", "--param", "SERVER_SOFTWARE=nginx/1.22"]
            for path in program.deny:
                words += ["--deny", path]
            _, gateway = stack.enter_context(started("fcgi-gateway", *words))
            count, found = crawl(program, (port, gateway))
            print(f"{program.name}: {count} URLs, {len(found)} different")
            total += count
            different += found
    print("\n".join(different))
    print(f"{total} URLs, {len(different)} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
