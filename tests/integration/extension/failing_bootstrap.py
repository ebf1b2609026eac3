"""Stands in for ``bootstrap.py``: runs the real one, and lets one line of the program fail.

``FAIL_AT`` is ``MODULE:LINE:KIND``; without it, every line that runs is written to ``LINES_TO``.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    Trace = Callable[[FrameType, str, Any], Any]

REAL = os.path.abspath(__file__).replace("/bootstrap.py", "/real_bootstrap.py")  # noqa: PTH100
file, line, kind = (os.environ.get("FAIL_AT") or ":0:").split(":")
seen = set()


def fail() -> None:
    """As the kind says; the text of an error must not get out."""
    if kind == "exit":
        os._exit(1)
    if kind == "kill":
        os.kill(os.getpid(), 9)
    if kind == "os":
        raise OSError(5, "Input/output error")
    errors = {"error": RuntimeError, "memory": MemoryError, "leave": SystemExit}
    raise errors[kind]("sk-ant-test-0123456789abcdef")


def in_file(frame: FrameType, event: str, _argument: object) -> Trace:
    """Fail at the line."""
    if event == "line" and frame.f_lineno == int(line):
        sys.settrace(None)
        fail()
    return in_file


def note(frame: FrameType, event: str, _argument: object) -> Trace:
    """Remember the line."""
    if event == "line":
        seen.add(f"{frame.f_code.co_filename.rpartition('/python/')[2]}:{frame.f_lineno}")
    return note


def in_program(frame: FrameType, _event: str, _argument: object) -> Trace | None:
    """Trace our own modules only."""
    name = frame.f_code.co_filename
    if not file:
        return note if "/python/prefixwarm" in name else None
    return in_file if name.endswith(file) else None


if "LINES_TO" in os.environ:
    leave = os._exit

    def _exit(status: int) -> None:
        """Write the lines down first."""
        sys.settrace(None)
        with open(os.environ["LINES_TO"], "w") as target:
            target.write("\n".join(sorted(seen)))
        leave(status)

    os._exit = _exit

with open(REAL) as source:
    program = compile(source.read(), "/python/prefixwarm_start", "exec")
sys.settrace(in_program)
exec(program, {"__name__": "__main__", "__file__": REAL})
