"""
Run from outside the checkout: is txfcgi installed as a user needs it? Its wire is to be pure
Python, or what the argument says: compiled.
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
    own = Path(sys.executable).with_name("txfcgi")
    subprocess.run([own, "--help"], check=True)
    wire = " ".join(sys.argv[1:]) or "pure Python"
    said = subprocess.run([own, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
    if said != f"txfcgi {txfcgi.__version__} (wire: {wire})\n":
        sys.exit(f"{wire} was wanted, and this is {said}")
    print(f"txfcgi {txfcgi.__version__} is installed in {resources.files(txfcgi)}")


if __name__ == "__main__":
    main()
