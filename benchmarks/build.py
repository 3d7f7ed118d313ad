"""
Compiles the C and Go programs when they are first used.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .model import NotStarted
from .process import CHECKOUT

HERE = Path(__file__).parent
BUILT = CHECKOUT / "build" / "benchmarks"


def compiled(
    source: Path,
    compiler: Sequence[str],
    package: str,
    *,
    after: Sequence[str] = (),
    headers: Sequence[Path] = (),
) -> Path:
    """
    Compile a program, or find it compiled already.

    @param compiler: the command up to the name of what it writes.
    @param package: the Debian package that has the compiler.
    @param after: what follows the source on the command line.
    @param headers: what the source includes of its own.
    @return: the program.
    @raise NotStarted: when there is no such compiler or it fails.
    """
    command = [*compiler, "{output}", str(source), *after]
    text = b"".join(path.read_bytes() for path in (source, *headers))
    key = hashlib.sha256("\0".join(command).encode() + text).hexdigest()[:16]
    program = BUILT / f"{source.stem}-{key}"
    if program.exists():
        return program
    if shutil.which(compiler[0]) is None:
        raise NotStarted(f"{compiler[0]} is missing: apt install {package}")
    BUILT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILT) as folder:
        output = Path(folder) / source.stem
        command[len(compiler)] = str(output)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise NotStarted(f"{source.name} does not compile: {done.stdout.strip()[-400:]}")
        # Several processes may be here at once; each finds a whole program.
        os.replace(output, program)
    return program


def loadGenerator() -> Path:
    """
    The program in C{generator}.
    """
    folder = HERE / "generator"
    headers = sorted(folder.glob("*.h"))
    compiler = ["gcc", "-O2", "-o"]
    return compiled(folder / "load.c", compiler, "gcc libc6-dev", headers=headers)
