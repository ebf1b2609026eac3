"""Observes the model calls of an unchanged function, as its Python's ``sitecustomize``.

It hooks the import of the SDKs and does nothing else before then. In the layer this file is
``/opt/prefixwarm/auto/sitecustomize.py``. A ``sitecustomize`` later on the path still runs.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

HERE = "/opt/prefixwarm/auto"


# Patches by the module whose import triggers them.
SDKS = {
    "anthropic._base_client": "anthropic",
    "botocore.session": "boto3",
    "litellm": "litellm",
}


def hook() -> None:
    """Patch each SDK when it is imported."""
    # The copy of prefixwarm/observe/import_hook.py next to this file.
    from prefixwarm_import_hook import when_imported  # type: ignore[import-not-found]

    for name in SDKS:
        when_imported(name, patch)


def patch(module: ModuleType) -> None:
    """Patch with our code, or with the function's own `prefixwarm` if it has one."""
    from prefixwarm.observe.patches import PATCHES

    PATCHES[SDKS[module.__name__]].apply(module)


def leave_the_path() -> None:
    """Remove our folder from the path of this process and of its children."""
    while HERE in sys.path:
        sys.path.remove(HERE)
    own = [part for part in os.environ.get("PYTHONPATH", "").split(":") if part != HERE]
    if any(own):
        os.environ["PYTHONPATH"] = ":".join(own)
    else:
        os.environ.pop("PYTHONPATH", None)


def next_sitecustomize() -> None:
    """Import the next ``sitecustomize``; its exceptions pass through."""
    ours = sys.modules.pop(__name__)
    try:
        __import__(__name__)
    except ImportError as error:
        if error.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, ours)


def start() -> None:
    """Install the hook; clean up the path in any case."""
    try:
        hook()
    except Exception:  # noqa: BLE001 - must not fail the function
        return
    finally:
        leave_the_path()


if __name__ == "sitecustomize":
    start()
    next_sitecustomize()
