#!/bin/sh
# spawn-fcgi creates the socket; multiwatch starts two processes on it, and restarts any that end.
# Replace the paths, and the name of the application (myapp.app).
cd /srv/txfcgi &&
exec spawn-fcgi -n -s /run/txfcgi/app.sock -M 0660 -b 4096 -- \
    /usr/bin/multiwatch --forks=2 --signal=TERM -- \
    /srv/txfcgi/venv/bin/twistd --nodaemon --pidfile= fcgi --port fcgi:fd=0:accept=1 --app myapp.app
