"""
The lines that make the commands of C{twistd} and C{twist} appear.

Twisted imports every plugin of every package when it lists its commands, so nothing of txfcgi is
imported here: L{ServiceMaker} imports the module it names when the command is chosen.
"""

from twisted.application.service import ServiceMaker

fcgi = ServiceMaker(
    "txfcgi FastCGI server",
    "txfcgi.service.fcgitap",
    "Serve an app over FastCGI, behind a web server.",
    "fcgi",
)

gateway = ServiceMaker(
    "txfcgi HTTP gateway",
    "txfcgi.service.gatewaytap",
    "Answer HTTP by asking php-fpm or any other FastCGI back end.",
    "fcgi-gateway",
)

scgi = ServiceMaker(
    "txfcgi SCGI server",
    "txfcgi.service.scgitap",
    "Serve an app over SCGI, behind a web server.",
    "scgi",
)

__all__ = ["fcgi", "gateway", "scgi"]
