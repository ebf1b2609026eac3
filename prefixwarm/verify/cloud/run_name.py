"""The one name that everything of a run begins with, so that all of it can be removed by it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from prefixwarm.errors import UsageError

_START = "pwverify-"
_FORM = re.compile(rf"{_START}[0-9a-f]{{8}}")


@dataclass(frozen=True)
class RunName:
    """A run's name, such as ``pwverify-0f3a99c1``.

    It is short: CloudFormation cuts the stack's name in what it names itself.
    """

    text: str

    @classmethod
    def new(cls) -> RunName:
        """A name that nobody has."""
        return cls(_START + secrets.token_hex(4))

    @classmethod
    def parse(cls, text: str) -> RunName:
        """The name of an earlier run.

        Raises
        ------
        UsageError
            When it is none: what it begins would be removed.
        """
        if not _FORM.fullmatch(text):
            raise UsageError(
                f"--remove {text}: no run has such a name; it is like {_START}0f3a99c1"
            )
        return cls(text)

    @property
    def stacks(self) -> tuple[str, ...]:
        """Its stacks, each before those that it depends on."""
        return tuple(f"{self.text}-{part}" for part in ("Agent", "Warmer", "Provider"))

    @property
    def path(self) -> str:
        """Path of its roles."""
        return f"/{self.text}/"

    def of(self, part: str) -> str:
        """The name of one of its functions, layers or roles."""
        return f"{self.text}-{part.replace('.', '')}"

    def log_group(self, function: str) -> str:
        """The log group of one of its functions."""
        return f"/aws/lambda/{function}"
