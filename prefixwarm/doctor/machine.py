"""Checks this machine: its Python, the installed extras, and the CDK app in a folder."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
import sys
from typing import TYPE_CHECKING

from prefixwarm import __version__
from prefixwarm.attach.runtimes import OLDEST_PYTHON
from prefixwarm.doctor.diagnosis import error, ok, unknown, warning
from prefixwarm.extras import EXTRAS, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prefixwarm.doctor.diagnosis import Diagnosis

_OLDEST_CDK = (2, 275)
# A changed prefixwarm layer makes a new version even without it; other layers need it.
_FLAG = "@aws-cdk/aws-lambda:recognizeLayerVersion"


def machine(folder: Path) -> Iterator[Diagnosis]:
    """Check the interpreter, the extras, and the CDK app of a folder."""
    yield _python()
    yield _extras()
    yield from _cdk(folder)


def _python() -> Diagnosis:
    detail = f"prefixwarm {__version__} on Python {platform.python_version()}"
    if sys.version_info < OLDEST_PYTHON:
        return error("python", detail, "install Python 3.10 or newer")
    return ok("python", detail)


def _extras() -> Diagnosis:
    modules = missing()
    if not modules:
        return ok("extras", "command line, constructs, `try` and `demo` have all that they need")
    # On this machine the keep-warm function runs in `try` and `demo` alone.
    extras = {EXTRAS[module].replace("keepwarm", "demo") for module in modules}
    names = ",".join(sorted(extras))
    detail = f"{names}: not installed: {', '.join(modules)}"
    return warning("extras", detail, f"pip install 'prefixwarm[{names}]'")


def _cdk(folder: Path) -> Iterator[Diagnosis]:
    file = folder / "cdk.json"
    if not file.is_file():
        yield unknown("cdk", f"no CDK app in {folder.resolve()}", "run this in the app's folder")
        return
    yield _library()
    if shutil.which("cdk") is None and shutil.which("npx") is None:
        yield error("cdk cli", "neither cdk nor npx is on the path", "npm install -g aws-cdk")
    try:
        app = json.loads(file.read_text())
    except (ValueError, OSError, RecursionError) as problem:
        yield error("cdk flags", f"{file} cannot be read: {problem}", "correct the file")
        return
    context = app.get("context") if isinstance(app, dict) else None
    if isinstance(context, dict) and context.get(_FLAG) is True:
        yield ok("cdk flags", "a changed layer makes a new version of its functions")
    else:
        yield warning(
            "cdk flags",
            f"{_FLAG} is not set: a change of other layers makes no new version",
            f'add "{_FLAG}": true to the context in cdk.json',
        )


def _library() -> Diagnosis:
    try:
        version = importlib.metadata.version("aws-cdk-lib")
    except importlib.metadata.PackageNotFoundError:
        return error("cdk", "aws-cdk-lib is not installed", "pip install 'prefixwarm[cdk]'")
    numbers = tuple(int(part) for part in version.split(".")[:2])
    if numbers < _OLDEST_CDK:
        return error("cdk", f"aws-cdk-lib {version}", "pip install -U 'aws-cdk-lib>=2.275'")
    return ok("cdk", f"aws-cdk-lib {version}")
