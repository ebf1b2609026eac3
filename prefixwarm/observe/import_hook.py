"""Calls a function with a module right after the module is imported.

Standard library only, without our own modules: the layer runs a copy of this file before the
function's code and packages are on the path.
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
    """Call `patch` with a module once it is imported; its exceptions are dropped."""
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
    """A finder that delegates to the other finders and wraps their loader."""

    def __init__(self, patches: dict[str, Patch]) -> None:
        self.patches = patches

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """See the import system's interface."""
        if name not in self.patches:
            return None
        spec = self._spec(name, path, target)
        try:
            if spec is not None and hasattr(spec.loader, "exec_module"):
                spec.loader = _Loader(spec.loader, self.patches.pop(name))  # type: ignore[assignment]
        except Exception:  # noqa: BLE001 - import the module as usual
            return spec
        return spec

    def _spec(self, name: str, path: Any, target: Any) -> ModuleSpec | None:
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (f.find_spec(name, path, target) for f in others if hasattr(f, "find_spec"))
        return next((spec for spec in specs if spec is not None), None)


class _Loader:
    """Loads through the original loader, restores it, and patches the module."""

    def __init__(self, original: Any, patch: Patch) -> None:
        self._original = original
        self._patch = patch

    def exec_module(self, module: ModuleType) -> None:
        """See the import system's interface."""
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
    except Exception:  # noqa: BLE001 - must not fail the agent's import
        return
