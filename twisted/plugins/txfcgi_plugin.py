"""
The line that makes C{twistd fcgi} and C{twist fcgi} appear.

Twisted imports every plugin of every package when it lists its commands, so nothing of txfcgi is
imported here: L{ServiceMaker} imports the module it names when the command is chosen.
"""

from twisted.application.service import ServiceMaker

fcgi = ServiceMaker(
    "txfcgi FastCGI server",
    "txfcgi.service.tap",
    "Serve an app over FastCGI, behind a web server.",
    "fcgi",
)

__all__ = ["fcgi"]
