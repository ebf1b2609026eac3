"""Which programs the file system of each zip runtime has, as an extension there sees it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from prefixwarm.boto_replies import message_of
from prefixwarm.verify.cloud.log_lines import probe_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefixwarm.verify.cloud.probe_functions import ProbeFunctions

RUNTIMES = (
    *("python3.10", "python3.11", "python3.12", "python3.13", "python3.14"),
    *("nodejs20.x", "nodejs22.x", "nodejs24.x"),
    *("java17", "java21", "java25"),
    *("ruby3.3", "ruby3.4", "dotnet8", "dotnet10", "provided.al2", "provided.al2023"),
)
PROGRAMS = ("bash", "curl", "signs", "node", "python3", "system")
_AT_ONCE = 4


def measure(
    probes: ProbeFunctions, runtimes: Sequence[str], progress: Callable[[str], None]
) -> list[dict[str, Any]]:
    """A row for each runtime: `PROGRAMS`, or why there is none."""
    layer = probes.layer("file_system.sh")
    # Made before several functions are, at once.
    _ = probes.role

    def row(runtime: str) -> dict[str, Any]:
        from botocore.exceptions import ClientError, WaiterError

        progress(f"file system of {runtime}")
        try:
            function = probes.create(runtime, runtime, layer)
        except WaiterError as error:
            return {"runtime": runtime, "problem": str(error)}
        except ClientError as error:
            # Such as a runtime that this region does not have, or has no more.
            return {"runtime": runtime, "problem": message_of(error)}
        return _looked_at(probes, runtime, function)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            return list(pool.map(row, runtimes))
        except BaseException:
            # An interrupt: no more are made, and those that are being made are waited for.
            pool.shutdown(cancel_futures=True)
            raise


def _looked_at(probes: ProbeFunctions, runtime: str, function: str) -> dict[str, Any]:
    answer = probes.calls.invoke(function, {})
    lines = probe_lines(answer.log, "file-system") or probes.lines(function, "file-system")
    if not lines:
        return {"runtime": runtime, "problem": "its log has no line of the probe: no shell there"}
    return {"runtime": runtime, **{name: lines[0].get(name) for name in PROGRAMS}}
