"""
How Sphinx builds the documentation, with the API reference by pydoctor beside it, in C{api/}.
"""

import sys
from importlib.metadata import version as versionOf
from pathlib import Path

here = Path(__file__).parent
checkout = here.parent
sys.path.insert(0, str(here))

from inventories import writeInventories  # noqa: E402

project = "txfcgi"
author = "the txfcgi contributors"
copyright = f"2026, {author}"
release = versionOf("txfcgi")
version = release

extensions = ["sphinx.ext.intersphinx", "pydoctor.sphinx_ext.build_apidocs"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"txfcgi {release}"
html_static_path = ["static"]
html_css_files = ["pictures.css"]
nitpicky = True
# The inventory of the API reference joins these as it is built; nothing is downloaded.
intersphinx_mapping: dict[str, tuple[str, None]] = {}

pydoctor_url_path = "api/"
pydoctor_args = [
    "--docformat=epytext",
    "--project-name=txfcgi",
    f"--project-version={release}",
    f"--project-base-dir={checkout}",
    "--html-output={outdir}/api",
    "--system-class=reference.System",
    # They tell a reader nothing.
    *(f"--privacy=HIDDEN:**.{name}" for name in ("__slots__", "__repr__", "__hash__", "__eq__")),
    *(f"--privacy=HIDDEN:**.{name}" for name in ("log", "noisy")),
    f"--template-dir={here / 'api-style'}",
    *writeInventories(checkout / "txfcgi", here / "_build" / "inventories"),
    str(checkout / "txfcgi"),
]
