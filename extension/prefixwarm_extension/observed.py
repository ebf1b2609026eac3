"""Sends unsent observations of an environment's processes at its shutdown."""

from __future__ import annotations

import os

from prefixwarm.settings import Settings
from prefixwarm.state.table_call import signed_calls
from prefixwarm.state.traffic_report import FOLDER, TrafficReport
from prefixwarm.state.traffic_store import TrafficStore
from prefixwarm.warm.connections import connect
from prefixwarm.wire.accelerated import loads
from prefixwarm.wire.deadline import Deadline
from prefixwarm_extension.context import CA_FOLDER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


# Lambda ends an environment two seconds after the signal; the runtime uses 0.3 of them.
SECONDS = 1.5
# Each file has at most 50 reports.
_MOST_BYTES = 256 * 1024


def send_observed(environ: Mapping[str, str], folder: str = FOLDER) -> None:
    """Send the reports in this folder, each once; logs nothing, because it warms nothing.

    Raises
    ------
    PrefixwarmError
        The state cannot be reached.
    """
    reports = list(_left(folder))
    settings = Settings.from_environment(environ)
    if not reports or settings.disabled or settings.table is None:
        return
    ca_folder = CA_FOLDER if os.path.isdir(CA_FOLDER) else None
    connections = connect(environ, settings, ca_folder=ca_folder)
    store = TrafficStore(settings.table, signed_calls(connections.aws))
    deadline = Deadline.after(SECONDS)
    for report in reports:
        store.report(report, store.read(report.key, deadline), deadline)


def _left(folder: str) -> Iterator[TrafficReport]:
    """The reports in all files of this folder."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        yield from _reports(f"{folder}/{name}")


def _reports(path: str) -> list[TrafficReport]:
    """The complete reports of a file; a killed process may have left half a report."""
    try:
        with open(path, "rb") as file:
            documents = loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return []
    reports = map(_report, documents if isinstance(documents, list) else ())
    return [report for report in reports if report]


def _report(document: object) -> TrafficReport | None:
    try:
        return TrafficReport.of(document)
    except ValueError:
        return None
