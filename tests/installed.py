"""
Run from outside the checkout: is txfcgi installed as a user needs it?
"""

import subprocess
import sys
from importlib import resources
from pathlib import Path

from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins

import txfcgi


def main() -> None:
    """
    Exit with a message that names the first thing missing.
    """
    names = [maker.tapname for maker in getPlugins(IServiceMaker)]
    missing = {"fcgi", "fcgi-gateway"}.difference(names)
    if missing:
        sys.exit(f"twistd does not list {missing}, only {names}")
    if not resources.files(txfcgi).joinpath("py.typed").is_file():
        sys.exit("py.typed is not installed")
    for command in ("twistd", "twist"):
        subprocess.run([Path(sys.executable).with_name(command), "fcgi", "--help"], check=True)
    subprocess.run([Path(sys.executable).with_name("txfcgi"), "--help"], check=True)
    print(f"txfcgi {txfcgi.__version__} is installed in {resources.files(txfcgi)}")


if __name__ == "__main__":
    main()
