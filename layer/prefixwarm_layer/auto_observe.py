"""Observes the model calls of an unchanged function: ``sitecustomize`` of its Python.

It hooks the import of the SDKs and does nothing else before they are imported. In the layer this
file is ``/opt/prefixwarm/auto/sitecustomize.py``. A ``sitecustomize`` that stands behind it on the
path runs as it would have.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

HERE = "/opt/prefixwarm/auto"


# By the module at whose import each is patched.
SDKS = {
    "anthropic._base_client": "anthropic",
    "botocore.session": "boto3",
    "litellm": "litellm",
}


def hook() -> None:
    """Patch each SDK as soon as it is imported."""
    # The copy of prefixwarm/observe/import_hook.py that lies beside this file.
    from prefixwarm_import_hook import when_imported  # type: ignore[import-not-found]

    for name in SDKS:
        when_imported(name, patch)


def patch(module: ModuleType) -> None:
    """With our own code, or the function's own `prefixwarm`, if it brings one."""
    from prefixwarm.observe.patches import PATCHES

    PATCHES[SDKS[module.__name__]].apply(module)


def leave_the_path() -> None:
    """For this process's own imports, and for those that it starts."""
    while HERE in sys.path:
        sys.path.remove(HERE)
    own = [part for part in os.environ.get("PYTHONPATH", "").split(":") if part != HERE]
    if any(own):
        os.environ["PYTHONPATH"] = ":".join(own)
    else:
        os.environ.pop("PYTHONPATH", None)


def next_sitecustomize() -> None:
    """Import the one that we stand before; what it raises is its own."""
    ours = sys.modules.pop(__name__)
    try:
        __import__(__name__)
    except ImportError as error:
        if error.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, ours)


def start() -> None:
    """Hook; the path is left in any case."""
    try:
        hook()
    except Exception:  # noqa: BLE001 - the function comes first
        return
    finally:
        leave_the_path()


if __name__ == "sitecustomize":
    start()
    next_sitecustomize()
