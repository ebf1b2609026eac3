"""The command line: one module per command, loaded when called."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 for success, 1 for a finding or failure, 2 for wrong usage.

    Parameters
    ----------
    arguments
        Words after ``prefixwarm``; by default the process's own.
    """
    try:
        from prefixwarm.cli.command_group import run
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        sys.exit("prefixwarm: the command line needs an extra: pip install 'prefixwarm[cli]'")
    sys.exit(run(arguments))
