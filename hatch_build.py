"""Builds the deployed zips into the wheel, so that every machine deploys the same bytes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ZipsHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the deployed zips to wheels; an editable install builds them on demand."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build into ``build/shipped`` and map it into the package."""
        if self.target_name != "wheel" or version == "editable":
            return
        root = Path(self.root)
        sys.path[:0] = [str(root), *(str(root / folder) for folder in ("extension", "layer"))]
        from prefixwarm_layer.bytecode import bytecode_warning
        from prefixwarm_layer.zips import build_release

        shipped = root / "build" / "shipped"
        build_release(shipped)
        if warning := bytecode_warning(shipped / "layer.zip"):
            self.app.display_warning(warning)
        for name in ("layer.zip", "layer-without-observe.zip", "keepwarm.zip"):
            build_data["force_include"][str(shipped / name)] = f"prefixwarm_layer/shipped/{name}"
