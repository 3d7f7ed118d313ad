"""
How each web server is started with one of our files, and with what it needs around that.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from .processes import Child, Workspace, find, running

Starter = Callable[[Workspace, str, int], AbstractContextManager[Child]]
"""
Starts a web server with a file that was adapted, on a port.
"""

#: A site of Apache's where mod_fcgid runs the script that lies in a folder, whatever the path.
FCGID = """
# a2enmod fcgid rewrite;
Listen HOST:PORT
<VirtualHost *:PORT>
    DocumentRoot "PLACE"
    FcgidMaxRequestLen 104857600
    <Directory "PLACE">
        <Files "*.fcgi">
            SetHandler fcgid-script
        </Files>
        Options ExecCGI FollowSymLinks
        Require all granted
        RewriteEngine On
        RewriteCond %{REQUEST_FILENAME} !-f
        RewriteRule ^(.*)$ app.fcgi/$1 [L]
    </Directory>
</VirtualHost>
"""


def asUser(name: str) -> list[str]:
    """
    What to put before a command so that it runs as another user, in that user's groups.
    """
    user = pwd.getpwnam(name)
    return [
        find("setpriv", "util-linux"),
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--init-groups",
    ]


@contextmanager
def nginx(workspace: Workspace, site: str, port: int, user: str = "root") -> Iterator[Child]:
    """
    Run nginx.

    @param user: whom its workers run as, when root runs the tests.
    """
    root = workspace.root
    workspace.write("site.conf", site)
    temporary = "\n".join(
        f"    {kind}_temp_path {root}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = workspace.write(
        "nginx.conf",
        f"""
daemon off;
{f"user {user};" if os.geteuid() == 0 else ""}
pid {root}/nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
{temporary}
    include {root}/site.conf;
}}
""",
    )
    command = [find("nginx", "nginx"), "-e", "stderr", "-c", str(main)]
    with running("nginx", command, root) as child:
        yield child


def underRootNotRoot(workspace: Workspace) -> list[str]:
    """
    What to put before Apache's command. Apache refuses to serve as root; when root runs the tests,
    it runs as the user whom Debian has for web servers, with root's access to files, so that it can
    start the Python of the tests wherever that is.
    """
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("www-data")
    os.chown(workspace.root, user.pw_uid, user.pw_gid)
    return [
        find("setpriv", "util-linux"),
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    ]


@contextmanager
def apache(workspace: Workspace, site: str, port: int, user: str | None = None) -> Iterator[Child]:
    """
    Run Apache with the modules that Debian enables by itself, and those that the file names after
    C{a2enmod}.

    @param user: whom its workers run as, with no more rights than that user has.
    """
    root = workspace.root
    workspace.write("site.conf", site)
    enabled = site.partition("a2enmod ")[2].partition(";")[0].split()
    modules = ["mpm_event", "authn_core", "authz_core", "authz_host", "authz_user", "alias"]
    modules += ["proxy", *enabled]
    loads = []
    for name in modules:
        package = "libapache2-mod-fcgid" if name == "fcgid" else "apache2"
        module = find(f"/usr/lib/apache2/modules/mod_{name}.so", package)
        loads.append(f"LoadModule {name}_module {module}")
    main = workspace.write(
        "apache.conf",
        "\n".join(
            [
                *loads,
                f"ServerRoot {root}",
                "ServerName localhost",
                f"PidFile {root}/apache.pid",
                f"DefaultRuntimeDir {root}",
                "ErrorLog /dev/stderr",
                *(
                    [f"FcgidIPCDir {root}/fcgid", f"FcgidProcessTableFile {root}/fcgid.table"]
                    if "fcgid" in enabled
                    else []
                ),
                "MaxKeepAliveRequests 0",
                "StartServers 1",
                "ServerLimit 1",
                "ThreadsPerChild 25",
                "MaxRequestWorkers 25",
                "MinSpareThreads 1",
                "MaxSpareThreads 25",
                *([] if user is None else [f"User {user}", f"Group {user}"]),
                f"Include {root}/site.conf",
                "",
            ]
        ),
    )
    command = [find("apache2", "apache2"), "-D", "FOREGROUND", "-f", str(main)]
    before = underRootNotRoot(workspace) if user is None else []
    with running("apache", [*before, *command], root) as child:
        yield child


@contextmanager
def lighttpd(
    workspace: Workspace, site: str, port: int, user: str | None = None
) -> Iterator[Child]:
    """
    Run lighttpd, with what Debian's own file has of modules, as far as it matters here.

    @param user: whom it becomes when it has started.
    """
    root = workspace.root
    main = workspace.write(
        "lighttpd.conf",
        f"""
server.bind = "{workspace.host}"
server.port = {port}
server.document-root = "{root}"
server.upload-dirs = ( "{root}" )
server.modules = ( "mod_access" )
{"" if user is None else f'server.username = "{user}" server.groupname = "{user}"'}
{site}
""",
    )
    command = [find("lighttpd", "lighttpd"), "-D", "-f", str(main)]
    with running("lighttpd", command, root) as child:
        yield child


@contextmanager
def haproxy(workspace: Workspace, site: str, port: int, settings: str = "") -> Iterator[Child]:
    """
    Run HAProxy.

    @param settings: what stands before the site, such as Debian's own settings.
    """
    main = workspace.write("haproxy.cfg", settings + site)
    command = [find("haproxy", "haproxy"), "-db", "-f", str(main)]
    with running("haproxy", command, workspace.root) as child:
        yield child


@contextmanager
def caddy(workspace: Workspace, site: str, port: int, user: str | None = None) -> Iterator[Child]:
    """
    Run Caddy, without the port for its own administration.

    @param user: whom it runs as.
    """
    main = workspace.write("Caddyfile", "{\n\tadmin off\n}\n" + site)
    command = [find("caddy", "caddy"), "run", "--adapter", "caddyfile", "--config", str(main)]
    homes = {"XDG_DATA_HOME": str(workspace.root), "XDG_CONFIG_HOME": str(workspace.root)}
    before = [] if user is None else asUser(user)
    with running("caddy", [*before, *command], workspace.root, homes) as child:
        yield child
