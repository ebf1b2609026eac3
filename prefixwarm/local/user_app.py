"""Finds a user's CDK app, and the command that synthesises it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.local.emulated_function import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# CDK's key of a looked-up value.
_LOOKED_UP_IN = re.compile(r"account=(\d{12}):.*?region=([a-z0-9-]+)")
_VENVS = (".venv", "venv", "env")


@dataclass(frozen=True)
class CdkApp:
    """A folder with a ``cdk.json``, and the user's options.

    Attributes
    ----------
    folder : Path
        The app's folder.
    command : str, optional
        Command that synthesises, instead of the ``app`` of ``cdk.json``.
    context : mapping of str to str
        Context values, in addition to those of ``cdk.json`` and ``cdk.context.json``.
    """

    folder: Path
    command: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(
        cls, folder: Path, command: str | None = None, context: Mapping[str, str] | None = None
    ) -> CdkApp:
        """Find the app in this folder.

        Raises
        ------
        UsageError
            If there is none; the message says what is missing.
        """
        app = cls(folder.resolve(), command, context or {})
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder")
        if command is None and not app._read("cdk.json").get("app"):
            where = folder / "cdk.json"
            problem = 'has no "app"' if where.is_file() else "no such file"
            raise UsageError(
                f"{where}: {problem}; run this in the CDK app's folder, or give the folder, "
                "or give --app COMMAND"
            )
        return app

    @property
    def name(self) -> str:
        """The name to show."""
        return self.folder.name

    @property
    def profile(self) -> str:
        """The AWS profile in ``cdk.json``; empty if it has none."""
        return str(self._read("cdk.json").get("profile") or "")

    def environment(self) -> tuple[str, str]:
        """Account and region of looked-up values, else made-up ones."""
        for key in self._read("cdk.context.json"):
            if match := _LOOKED_UP_IN.search(key):
                return match[1], match[2]
        return ACCOUNT, REGION

    def search_path(self) -> str:
        """Search path for programs, the app's virtual environment first.

        If a virtual environment is active, only that one is used.
        """
        path = os.environ.get("PATH", os.defpath)
        if os.environ.get("VIRTUAL_ENV"):
            return path
        for folder in (self.folder, self.folder.parent):
            for name in _VENVS:
                if (folder / name / "pyvenv.cfg").is_file():
                    return os.pathsep.join((str(folder / name / "bin"), path))
        return path

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            document = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: cannot be read: {error}") from error
        if not isinstance(document, dict):
            raise UsageError(f"{path}: is not a JSON object")
        return document
