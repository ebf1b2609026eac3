"""Every command's table fits a terminal of 80 columns, with names as long as names can be."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from time import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm import cli as package
from prefixwarm.cli import ask, capture, layer, warm
from prefixwarm.cli.output import table
from prefixwarm.library.asking import AskOutcome
from prefixwarm.prefix.prefix_file import write
from prefixwarm.state.keepwarm_model import Ledger
from prefixwarm.state.outcome import Outcome, Usage
from prefixwarm.state.warm_state import State
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = 80
NAME = "n" * 64
MODEL = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/" + "m" * 24
REASON = "the budget is used up: $1,234.56 needed, $1,000.00 left, and more is said about it here"
TESTED = {"ask", "capture", "explain", "layer", "plan", "status", "warm"}


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output as a terminal of 80 columns."""
    size = os.terminal_size((COLUMNS, 24))
    # The stream itself is the test runner's to replace.
    stdout = SimpleNamespace(isatty=lambda: True, encoding="utf-8")
    monkeypatch.setattr("prefixwarm.cli.output.sys", SimpleNamespace(stdout=stdout))
    monkeypatch.setattr("prefixwarm.cli.output.get_terminal_size", lambda: size)


@pytest.fixture
def long_prefix(tmp_path: Path, request_body: dict[str, Any]) -> Path:
    """A prefix file of a prefix with a long name."""
    return write(make_prefix(NAME, request_body), tmp_path)


@pytest.fixture
def long_state(tmp_path: Path) -> Path:
    """A state in which everything is long."""
    now = time()
    fields = {
        "name": NAME,
        "due_at": now + 600,
        "warm_until": now + 900,
        "reason": REASON,
        "calls": 123_456,
        "spent_usd": 123_456.78,
        "saved_usd": 234_567.89,
        "unpriced": 3,
        "starts": 100_000,
        "start_hits": 90_000,
        "requests": 100_000,
        "missed_usd": 1234.5,
        "tokens_read": 10**9,
        "tokens_written": 10**8,
        "longest_ttl": 300,
    }
    key = f"state/bedrock-converse/eu-central-1/default/{NAME}/{MODEL.replace('/', '-')}/0123"
    states = [State.of(key, **fields), State.of(f"{key}4", **fields)]
    outcomes = {"refreshed": 1000, "written": 1000, "skipped": 1000, "failed": 1000}
    day = time_of_day(now)
    ledger = Ledger(key=key, day=day, outcomes=outcomes, spent_usd=123_456.7, others_usd=1234.5)
    path = tmp_path / "state.json"
    documents = {
        "states": [{"key": s.key, **s.attributes()} for s in states],
        "ledgers": [vars(ledger)],
    }
    path.write_text(json.dumps(documents))
    return path


def time_of_day(now: float) -> str:
    """The UTC day of a time."""
    from datetime import datetime, timezone

    return datetime.fromtimestamp(now, timezone.utc).date().isoformat()


def lines_of(out: str, heading: str, count: int) -> list[str]:
    """The table that begins with this heading, without colours."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith(heading))
    return lines[first : first + count + 1]


def assert_fits(out: str, heading: str, count: int) -> list[str]:
    """No line of the table is longer than the terminal; its lines."""
    lines = lines_of(out, heading, count)
    assert max(map(len, lines)) <= COLUMNS, lines
    return lines


def test_every_command_with_a_table_is_tested_here() -> None:
    folder = Path(next(iter(package.__path__)))
    with_tables = {
        path.stem
        for path in folder.glob("*.py")
        if re.search(r"^\s+table\(|: table\(", path.read_text("utf-8"), re.MULTILINE)
    }
    # The local run's is tested with its measurements.
    assert with_tables == {*TESTED, "local_run"}


def test_status(cli: Any, long_state: Path) -> None:
    lines = assert_fits(cli("status", "--state", long_state).out, "PREFIX", 3)
    assert "WHY" in lines[0]
    assert "USE" in lines[0]


def test_explain(cli: Any, long_state: Path) -> None:
    assert_fits(cli("explain", NAME, "--days", "3", "--state", long_state).out, "DAY", 1)


@pytest.mark.slow
def test_plan(cli: Any, long_prefix: Path) -> None:
    ran = cli("plan", long_prefix, "--rate", "100", "--latency-value", "1000")
    assert_fits(ran.out, "POLICY", 8)


def test_warm_dry_run(cli: Any, long_prefix: Path) -> None:
    assert_fits(cli("warm", "--dry-run", long_prefix).out, "PREFIX", 1)


def warmed(wide: bool) -> None:
    usage = Usage(input=5, read=1_000_000, write_1h=1_000_000)
    outcome = Outcome(
        name=NAME,
        kind="skipped",
        reason=REASON,
        usage=usage,
        granted_ttl=3600,
        cost_usd=1234.5,
        calls=1,
    )
    warm.show([outcome], wide)


def asked(wide: bool) -> None:
    ask.show([AskOutcome(NAME, "skipped", REASON, time() + 3600, 1234.5)], False, wide)


def captured(wide: bool) -> None:
    sizes = {"estimate": 1_000_000, "minimum": 4096}
    agent = SimpleNamespace(
        name=NAME,
        requests=[SimpleNamespace(model=MODEL, route="bedrock-converse")] * 1000,
        prefix=SimpleNamespace(tokens=sizes),
        tokens_by_tier={"tools": 1_000_000, "system": 1_000_000, "messages": 1_000_000},
        findings=[],
        shared=None,
    )
    path = Path("some/folder/of/prefixes") / f"{NAME}.prefix.json"
    written: Any = (agent, agent.prefix, path, "changed: tools, system, messages")
    capture.show([written], [], wide)


def published(wide: bool) -> None:
    arn = f"arn:aws:lambda:ap-southeast-1:123456789012:layer:{'l' * 64}:1"
    layer.table([{"REGION": "ap-southeast-1", "ARN": arn}], wide=wide)


@pytest.mark.parametrize(
    ("show", "heading"),
    [(warmed, "PREFIX"), (asked, "PREFIX"), (captured, "FILE"), (published, "REGION")],
)
def test_what_the_others_show(
    show: Callable[[bool], None], heading: str, capsys: pytest.CaptureFixture[str]
) -> None:
    show(False)
    assert_fits(capsys.readouterr().out, heading, 1)
    show(True)
    assert max(map(len, lines_of(capsys.readouterr().out, heading, 1))) > COLUMNS


def test_numbers_are_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    """A cut number would be another one: rather the line is too long."""
    numbers = [f"{10**12 + n:,}" for n in range(6)]
    table([dict(zip("ABCDEF", numbers, strict=True))])
    assert capsys.readouterr().out.split()[-6:] == numbers
