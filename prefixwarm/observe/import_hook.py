"""Calls a function with a module right after it was imported, whoever imports it.

Standard library only, and nothing of ours: the layer starts with a copy of this file, before the
function's own code and its packages are on the path.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

    Patch = Callable[[ModuleType], object]


def when_imported(name: str, patch: Patch) -> None:
    """Call `patch` with a module as soon as it is there; whatever it raises is dropped."""
    module = sys.modules.get(name)
    if module is not None:
        _apply(patch, module)
        return
    for finder in sys.meta_path:
        if isinstance(finder, _Hook):
            finder.patches[name] = patch
            return
    sys.meta_path.insert(0, _Hook({name: patch}))


class _Hook:
    """A finder that lets the others find, and a loader that lets the found one load."""

    def __init__(self, patches: dict[str, Patch]) -> None:
        self.patches = patches

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """What the import system asks for."""
        if name not in self.patches:
            return None
        spec = self._spec(name, path, target)
        try:
            if spec is not None and hasattr(spec.loader, "exec_module"):
                spec.loader = _Loader(spec.loader, self.patches.pop(name))  # type: ignore[assignment]
        except Exception:  # noqa: BLE001 - then the module is imported as if we were not there
            return spec
        return spec

    def _spec(self, name: str, path: Any, target: Any) -> ModuleSpec | None:
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (f.find_spec(name, path, target) for f in others if hasattr(f, "find_spec"))
        return next((spec for spec in specs if spec is not None), None)


class _Loader:
    """Loads as the original does, takes itself out, and patches."""

    def __init__(self, original: Any, patch: Patch) -> None:
        self._original = original
        self._patch = patch

    def exec_module(self, module: ModuleType) -> None:
        """What the import system asks for."""
        module.__loader__ = self._original
        if module.__spec__ is not None:
            module.__spec__.loader = self._original
        self._original.exec_module(module)
        _apply(self._patch, module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._original, name)


def _apply(patch: Patch, module: ModuleType) -> None:
    try:
        patch(module)
    except Exception:  # noqa: BLE001 - the import is the agent's
        return
