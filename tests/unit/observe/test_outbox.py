"""Reports: what is due, what is kept for later, and what is never counted twice."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import StateError
from prefixwarm.observe import ending
from prefixwarm.observe.observation import Observation, missed_usd
from prefixwarm.observe.outbox import Outbox
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.outcome import Usage
from prefixwarm.state.traffic_report import TrafficReport
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from pathlib import Path

READ = Usage(read=1900, input=100)
WRITTEN = Usage(write_5m=1900, input=100)
SOON = Deadline.after(600)


class Flaky(MemoryState):
    """A state that cannot be reached while it is away, and counts what was sent."""

    away = False
    sent = 0

    def report(self, *arguments: Any) -> None:
        """See `StateStore`."""
        if self.away:
            raise StateError("away")
        self.sent += 1
        super().report(*arguments)


@pytest.fixture
def store() -> Flaky:
    """A state."""
    return Flaky()


@pytest.fixture
def outbox(store: Flaky, tmp_path: Path) -> Outbox:
    """An outbox with a folder."""
    return Outbox(store, "default", {}, str(tmp_path / "observed"))


def seen(at: float, usage: Usage = READ, drift: str | None = None) -> Observation:
    return Observation("support", drift, usage, at)


def test_the_first_of_a_minute_is_due_and_the_rest_is_kept(
    outbox: Outbox, store: Flaky, prefix: Any
) -> None:
    """All of it is told in the end, with the requests' own times."""
    assert outbox.add(prefix, seen(1000.0, WRITTEN))
    outbox.send()
    assert not outbox.add(prefix, seen(1010.0))
    assert not outbox.add(prefix, seen(1020.0))
    outbox.send()
    state = outbox.read(prefix)
    assert (state.life.warm_until, state.observed.requests) == (1300.0, 1)
    outbox.send_all(60)
    state = outbox.read(prefix)
    assert (state.life.warm_until, state.traffic.at) == (1320.0, 1020.0)
    assert (state.observed.requests, state.observed.hits) == (3, 2)
    sums = (state.observed.read, state.observed.written, state.observed.uncached)
    assert sums == (3800, 1900, 300)
    assert (state.traffic.starts, store.sent, outbox.waiting) == (1, 2, False)


def test_a_report_counts_once_however_often_it_is_sent(
    outbox: Outbox, store: Flaky, prefix: Any, tmp_path: Path
) -> None:
    """A reply was lost, or the layer sends what the process had begun to send."""
    outbox.add(prefix, seen(1000.0, WRITTEN))
    (file,) = (tmp_path / "observed").iterdir()
    (report,) = (TrafficReport(**fields) for fields in json.loads(file.read_text()))
    for _ in range(3):
        store.report(report, store.read(report.key, SOON), SOON)
    state = outbox.read(prefix)
    assert (state.observed.requests, state.traffic.starts) == (1, 1)


def test_what_could_not_be_sent_is_sent_later(
    outbox: Outbox, store: Flaky, prefix: Any, tmp_path: Path
) -> None:
    """The process's file holds it for as long, readable by its owner alone."""
    store.away = True
    outbox.add(prefix, seen(1000.0, WRITTEN))
    with pytest.raises(StateError):
        outbox.send()
    (file,) = (tmp_path / "observed").iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (f"{os.getpid()}.json", 0o600)
    store.away = False
    outbox.send()
    assert outbox.read(prefix).observed.requests == 1
    assert list((tmp_path / "observed").iterdir()) == []


def test_others_told_of_later_requests(outbox: Outbox, store: Flaky, prefix: Any) -> None:
    """An older report counts its requests, and takes nothing back."""
    key = outbox.key(prefix)
    store.record_use(key, 2000.0, 300, SOON)
    outbox.add(prefix, seen(1000.0, WRITTEN))
    outbox.add(prefix, seen(1500.0, READ, drift="system"))
    outbox.send_all(60)
    state = outbox.read(prefix)
    assert (state.life.warm_until, state.traffic.at) == (2300.0, 2000.0)
    assert (state.observed.requests, state.traffic.starts) == (2, 0)
    assert (state.traffic.drift_at, state.traffic.drift_tier) == (1500.0, "system")


def test_a_drift_keeps_its_place(outbox: Outbox, prefix: Any) -> None:
    """Whatever is found between the request and the sending."""
    outbox.add(prefix, seen(1000.0, READ, drift="system"))
    outbox.add(prefix, seen(1001.0, READ, drift="system"))
    outbox.locate(prefix, "system", "system[0].text:12")
    outbox.send_all(60)
    state = outbox.read(prefix)
    assert (state.traffic.drift_at, state.traffic.drift_place) == (1001.0, "system[0].text:12")


def test_what_is_left_is_sent_at_the_end(outbox: Outbox, prefix: Any) -> None:
    """By whatever ends the process; an outbox that is gone is no trouble."""
    ending.send_at_end(outbox)
    outbox.add(prefix, seen(1000.0))
    ending._send(60)
    assert outbox.read(prefix).observed.requests == 1


def test_a_forked_process_does_not_tell_its_parents_requests(
    outbox: Outbox, prefix: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parent does."""
    outbox.add(prefix, seen(1000.0))
    monkeypatch.setattr(os, "getpid", lambda: 1)
    outbox.add(prefix, seen(1001.0))
    outbox.send_all(60)
    assert outbox.read(prefix).observed.requests == 1


@pytest.mark.parametrize("folder", ["/proc/no/such", "/dev/null"])
def test_a_folder_that_cannot_be_written(store: Flaky, prefix: Any, folder: str) -> None:
    """The reports are sent all the same."""
    outbox = Outbox(store, "default", {}, folder)
    outbox.add(prefix, seen(1000.0))
    outbox.send()
    assert outbox.read(prefix).observed.requests == 1


def test_what_a_miss_paid_beyond_a_read(prefix: Any) -> None:
    """For the prefix's tokens alone; unknown where a price is."""
    table = {"input": 2, "read": 0.1, "write_5m": 2.5, "write_1h": 4, "output": 10}
    priced = prefix.replace(
        prices={"as_of": "", "source": "", "usd_per_mtok": table},
        tokens={**prefix.tokens, "counted": 1_000_000},
    )
    assert missed_usd(priced, Usage(read=1_000_000, write_5m=500), None) == 0
    assert missed_usd(priced, Usage(write_5m=1_500_000), None) == pytest.approx(2.4)
    assert missed_usd(priced, Usage(write_1h=400_000, input=900_000), None) == pytest.approx(2.7)
    assert missed_usd(priced, Usage(read=600_000, input=900_000), "system") == pytest.approx(0.76)
    assert missed_usd(prefix.replace(prices=None), Usage(input=5), None) is None
