#!/srv/txfcgi/venv/bin/python
# For web servers that start the application themselves (mod_fcgid, lighttpd's
# bin-path, spawn-fcgi): an executable file that serves on file descriptor 0.
import sys

sys.path.insert(0, "/srv/txfcgi")

from txfcgi import serve

from myapp import app

serve(app)
