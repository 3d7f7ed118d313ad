"""
The params of a request as nginx sends them by its C{fastcgi_params} file, for a page that a browser
asks for: 33 pairs of 1146 bytes with their lengths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from random import Random

PLAIN = "/hello"
REQUESTS = 1000

_SECTIONS = ("catalogue", "articles", "help", "people", "download", "about", "search", "news")
_ORDERS = ("name", "price", "date")
# What browsers say of themselves, up to their version.
_BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{0}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{0}.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.{0} Safari/605.1.15",
)

SCRIPT = "/srv/www/example.net/app.php"


def nginxParams(uri: str, bodySize: int, script: str = SCRIPT) -> dict[str, str]:
    """
    All params, in nginx's order.

    @param uri: path and query.
    @param bodySize: in bytes; a request without a body is a GET.
    @param script: the file that php-fpm runs.
    """
    path, _, query = uri.partition("?")
    return {
        "QUERY_STRING": query,
        "REQUEST_METHOD": "POST" if bodySize else "GET",
        "CONTENT_TYPE": "application/octet-stream" if bodySize else "",
        "CONTENT_LENGTH": str(bodySize) if bodySize else "",
        "SCRIPT_NAME": path,
        "REQUEST_URI": uri,
        "DOCUMENT_URI": path,
        "DOCUMENT_ROOT": "/srv/www/example.net/public",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_SCHEME": "https",
        "HTTPS": "on",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "nginx/1.22.1",
        "REMOTE_ADDR": "198.51.100.23",
        # The load generator writes another number over it for each request.
        "REMOTE_PORT": "40000",
        "REMOTE_USER": "",
        "SERVER_ADDR": "192.0.2.80",
        "SERVER_PORT": "443",
        "SERVER_NAME": "example.net",
        "REDIRECT_STATUS": "200",
        "SCRIPT_FILENAME": script,
        "PATH_INFO": "",
        "HTTP_HOST": "example.net",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "de,en-US;q=0.7,en;q=0.3",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
        "HTTP_CONNECTION": "keep-alive",
        "HTTP_REFERER": "https://example.net/catalogue/page?number=12",
        "HTTP_COOKIE": "session="
        + "0123456789abcdef" * 10
        + "; language=de; theme=dark; seen=1762041600; a=b",
        "HTTP_UPGRADE_INSECURE_REQUESTS": "1",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "HTTP_PRIORITY": "u=0, i",
    }


def asFile(requests: Iterable[Mapping[str, str]]) -> bytes:
    """
    What the load generator reads: name, NUL, value, NUL, and one more NUL behind each request.
    """
    parts: list[str] = []
    for params in requests:
        parts += (f"{name}\0{value}\0" for name, value in params.items())
        parts.append("\0")
    return "".join(parts).encode()


def variedParams(uri: str, bodySize: int, script: str = SCRIPT) -> Iterator[dict[str, str]]:
    """
    The params of a thousand requests, the same thousand each time. Their users differ by address,
    browser and cookie, and what they ask for by path and query, as with a real web server: a cache
    helps as much as it would there.

    @param uri: The path. It stays as it is, with no query, where it says what is to be done.
    """
    chosen = Random(1)
    for number in range(REQUESTS):
        path = uri
        if uri == PLAIN:
            path = f"{uri}/{chosen.choice(_SECTIONS)}/{chosen.randrange(10**4):04}"
            if number % 2:
                path += f"?page={chosen.randrange(1, 100)}&order={chosen.choice(_ORDERS)}"
        params = nginxParams(path, bodySize, script)
        params["REMOTE_ADDR"] = f"198.51.{chosen.randrange(100, 256)}.{chosen.randrange(1, 255)}"
        params["HTTP_USER_AGENT"] = chosen.choice(_BROWSERS).format(chosen.randrange(100, 150))
        params["HTTP_REFERER"] = (
            f"https://example.net/{chosen.choice(_SECTIONS)}/{chosen.randrange(10**4):04}"
        )
        session = f"{chosen.getrandbits(384):096x}"
        seen = chosen.randrange(1_700_000_000, 1_800_000_000)
        params["HTTP_COOKIE"] = f"session={session}; language=de; theme=dark; seen={seen}"
        yield params


def scgiParams(params: dict[str, str]) -> dict[str, str]:
    """
    The same as SCGI wants them: the length of the body first, always, and the mark of SCGI.
    """
    length = params["CONTENT_LENGTH"] or "0"
    rest = {name: value for name, value in params.items() if name != "CONTENT_LENGTH"}
    return {"CONTENT_LENGTH": length, "SCGI": "1", **rest}
