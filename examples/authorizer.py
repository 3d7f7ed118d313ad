"""
An Authorizer: it tells Apache's mod_authnz_fcgi, or lighttpd, which requests may go on. The web
server then serves them, and has the user's tier in the variable REMOTE_TIER.

Start it, in the checkout, for a web server that asks on port 9000::

    twistd -n fcgi --port tcp:9000:interface=127.0.0.1 --app examples.authorizer.app
"""

from base64 import b64decode
from hmac import compare_digest

from txfcgi import Allow, AuthorizerRequest, Deny, Response, roles

# Only for this example. Keep real passwords elsewhere, and hashed.
PASSWORDS = {b"alice": b"wonderland", b"bob": b"builder"}
TIERS = {b"alice": "gold", b"bob": "silver"}


def credentials(request: AuthorizerRequest) -> tuple[bytes, bytes]:
    """
    The name and the password that the browser sent. Apache has decoded them already.
    """
    password = request.params.getBytes("REMOTE_PASSWD")
    if password is not None:
        return request.params.getBytes("REMOTE_USER") or b"", password
    header = request.params.getBytes("HTTP_AUTHORIZATION") or b""
    scheme, _, encoded = header.partition(b" ")
    try:
        decoded = b64decode(encoded, validate=True) if scheme.lower() == b"basic" else b""
    except ValueError:
        decoded = b""
    name, _, password = decoded.partition(b":")
    return name, password


def authorize(request: AuthorizerRequest) -> Allow | Deny:
    """
    Decide about a request.
    """
    name, password = credentials(request)
    if name in PASSWORDS and compare_digest(PASSWORDS[name], password):
        return Allow({"REMOTE_TIER": TIERS[name]})
    challenge = {"WWW-Authenticate": 'Basic realm="example"', "Content-Type": "text/plain"}
    return Deny(Response(401, challenge, b"Who are you?\n"))


app = roles(authorizer=authorize)
