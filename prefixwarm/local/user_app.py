"""A user's CDK app: where it is, and what to start it with."""

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

# As CDK writes the key of a looked-up value.
_LOOKED_UP_IN = re.compile(r"account=(\d{12}):.*?region=([a-z0-9-]+)")
_VENVS = (".venv", "venv", "env")


@dataclass(frozen=True)
class CdkApp:
    """A folder with a ``cdk.json``, and what is given beside it.

    Attributes
    ----------
    folder : Path
        The app's own folder.
    command : str, optional
        Command that synthesises, instead of the ``app`` of ``cdk.json``.
    context : mapping of str to str
        Context values, beside those of ``cdk.json`` and ``cdk.context.json``.
    """

    folder: Path
    command: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at(
        cls, folder: Path, command: str | None = None, context: Mapping[str, str] | None = None
    ) -> CdkApp:
        """The app in this folder.

        Raises
        ------
        UsageError
            When there is none; the message says what is missing.
        """
        app = cls(folder.resolve(), command, context or {})
        if not folder.is_dir():
            raise UsageError(f"{folder}: there is no such folder")
        if command is None and not app._own_settings().get("app"):
            where = folder / "cdk.json"
            problem = 'names no "app"' if where.is_file() else "there is no such file"
            raise UsageError(
                f"{where}: {problem}; run this in the folder of the CDK app, or name the folder, "
                "or give --app COMMAND"
            )
        return app

    @property
    def name(self) -> str:
        """What to call it."""
        return self.folder.name

    @property
    def profile(self) -> str:
        """The AWS profile that ``cdk.json`` names; empty where it names none."""
        return str(self._own_settings().get("profile") or "")

    def environment(self) -> tuple[str, str]:
        """Account and region that values were looked up in; otherwise made-up ones."""
        for key in self._read("cdk.context.json"):
            if match := _LOOKED_UP_IN.search(key):
                return match[1], match[2]
        return ACCOUNT, REGION

    def search_path(self) -> str:
        """Where programs are looked for: in the app's own virtual environment first.

        An activated one counts alone.
        """
        path = os.environ.get("PATH", os.defpath)
        if os.environ.get("VIRTUAL_ENV"):
            return path
        for folder in (self.folder, self.folder.parent):
            for name in _VENVS:
                if (folder / name / "pyvenv.cfg").is_file():
                    return os.pathsep.join((str(folder / name / "bin"), path))
        return path

    def _own_settings(self) -> dict[str, Any]:
        return self._read("cdk.json")

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        if not path.is_file():
            return {}
        try:
            document = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path}: cannot be read: {error}") from error
        if not isinstance(document, dict):
            raise UsageError(f"{path}: is no JSON object")
        return document
