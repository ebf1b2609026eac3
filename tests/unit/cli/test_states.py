"""`status` and `explain`: warm or not, read or not, and what nobody knows."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import time
from typing import Any

import pytest

from prefixwarm.state.keepwarm_model import Ledger
from prefixwarm.state.warm_state import State

KEY = "state/anthropic/-/default/support/claude-sonnet-5-5/0123456789abcdef"

TIMES = (
    *("warm_until", "traffic_at", "backoff_until", "lease_until", "outcome_at"),
    *("drift_at", "matched_at"),
)
DRIFT = {"drift_at": -120.0, "drift_tier": "system", "drift_place": "system[0].text:12"}
WARM = {"warm_until": 900.0, "calls": 2, "traffic_at": -60.0}


@pytest.fixture
def stated(cli: Any, tmp_path: Path) -> Any:
    """Run a command on a state with these fields; times are relative to now."""

    def call(*command: str, **fields: Any) -> Any:
        now = time()
        for name in TIMES:
            if name in fields:
                fields[name] += now
        state = State.of(KEY, **{"name": "support", "due_at": now + 600, **fields})
        path = tmp_path / "state.json"
        path.write_text(
            json.dumps({"states": [{"key": state.key, **state.attributes()}], "ledgers": []})
        )
        return cli(*command, "--state", path)

    return call


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "never warmed"),
        ({"warm_until": 900.0}, "warm"),
        ({"warm_until": -900.0}, "cold"),
        ({"warm_until": -900.0, "lease_until": 9.0}, "warming"),
        ({"backoff_until": 60.0, "failures": 2}, "backing off"),
    ],
)
def test_the_condition(stated: Any, fields: dict[str, Any], word: str) -> None:
    """One word each."""
    (prefix,) = stated("status", "--json", **fields).json["prefixes"]
    assert prefix["condition"] == word


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"warm_until": 900.0}, "no real traffic was seen"),
        ({"warm_until": 900.0, "traffic_at": -60.0}, "whether it is read is unknown"),
        (
            {"warm_until": 900.0, "traffic_at": -60.0, "starts": 4},
            "warmed but never read: 4 sessions started without reading it",
        ),
        (
            {"traffic_at": -60.0, "starts": 4, "start_hits": 3, "saved_usd": 0.5},
            "3 of 4 observed session starts read it; saved at least $0.50",
        ),
        ({"warm_until": -7200.0}, "cold: the entry ended 2 h ago"),
        (
            {"backoff_until": 600.0, "failures": 2, "outcome": "failed", "reason": "HTTP 529"},
            "left alone after 2 failed calls; next try in 10 min",
        ),
        ({"max_tokens": 1}, "the provider refuses max_tokens 0 here"),
        ({"granted_ttl": 300}, "the provider granted a TTL of 300 s"),
        ({"longest_ttl": 300}, "the provider does not grant an hour here: 300 s are asked for"),
        ({"granted_ttl": 3600, "wanted_ttl": 300}, "the next write asks for a TTL of 300 s"),
        (
            {"warm_until": 900.0, "traffic_at": -60.0, "traffic_by": "metric"},
            "real traffic 60 s ago, by the function's Invocations metric",
        ),
        (
            {"warm_until": 900.0, "traffic_at": -60.0, "traffic_by": "observed"},
            "real traffic 60 s ago, as prefixwarm.observe saw",
        ),
        (
            {"backoff_until": 600.0, "failures": 1, "backoff_of": "keepwarm"},
            "after 1 failed calls by keepwarm, perhaps because of its key or network; next try in",
        ),
        ({"reason": "not worth it"}, "last decision: not worth it"),
        (
            {**WARM, **DRIFT, "matched_at": -300.0},
            "\n  warmed but not what is sent: system[0].text:12 drifted 2 min ago; capture again",
        ),
        (DRIFT, "\n  not what is sent: system[0].text:12 drifted 2 min ago"),
        (
            {**WARM, **DRIFT, "matched_at": -60.0},
            "system[0].text:12 drifted 2 min ago; a later request matched the warmed prefix",
        ),
    ],
)
def test_explain_says_why(stated: Any, fields: dict[str, Any], says: str) -> None:
    """What is known, and what is not."""
    ran = stated("explain", "support", **fields)
    assert (ran.code, says in ran.out) == (0, True), ran.out


def test_status_shows_reads_and_money(stated: Any) -> None:
    """Unknown prices stay visible."""
    fields = {"warm_until": 900.0, "starts": 4, "start_hits": 3, "saved_usd": 0.5}
    row = stated("status", **fields, calls=5, spent_usd=0.25, unpriced=1).out.splitlines()[1]
    assert "3 of 4" in row
    assert "$0.25 + unknown" in row
    assert "$0.50" in row


def test_where_nobody_looks_status_says_what_changes_that(stated: Any) -> None:
    """And claims neither that it is read nor that it is not."""
    out = stated("status", warm_until=900.0, calls=5, traffic_at=-60.0, traffic_by="metric").out
    assert "not observed: support: attach(function, observe=" in out
    assert "not observed: support" not in stated("status", warm_until=900.0, starts=1).out


@pytest.mark.parametrize(
    ("fields", "use", "drifted"),
    [
        ({}, "not what is sent", True),
        ({"matched_at": -300.0}, "not what is sent", True),
        ({"matched_at": -60.0, "start_hits": 1}, "read", False),
        ({"drift_at": -90000.0}, "not read", False),
        ({"calls": 0, "warm_until": None}, "not what is sent", True),
    ],
)
def test_status_names_what_drifted(
    stated: Any, fields: dict[str, Any], use: str, drifted: bool
) -> None:
    """Until a later request is what is warmed, or a day has passed."""
    fields = {k: v for k, v in {**WARM, **DRIFT, **fields}.items() if v is not None}
    row = stated("status", **fields).out.splitlines()[1]
    assert use in row
    assert ("system[0].text:12 drifted" in row) is drifted


def test_nothing_yet(cli: Any, tmp_path: Path) -> None:
    """An empty state is no error."""
    path = tmp_path / "state.json"
    path.write_text('{"states": [], "ledgers": []}')
    ran = cli("status", "--state", path)
    assert ran == (0, "no prefixes yet: nothing has been warmed\n", "")


def today(days_ago: int = 0) -> str:
    """A UTC day."""
    return (datetime.now(timezone.utc) - timedelta(days=days_ago)).date().isoformat()


@pytest.fixture
def booked(tmp_path: Path) -> Path:
    """A prefix, its ledgers of three days and the deployment's, and a paused route."""
    now = time()
    total = "total/default"
    states = [
        State.of(KEY, name="support", due_at=now + 600, calls=5, spent_usd=0.4, saved_usd=0.5),
        State.of(KEY + "0", name="sales", due_at=now + 600),
        State.of("route/anthropic/-/default", backoff_until=now + 1200, reason="HTTP 429 limit"),
    ]
    kept = {"spent_usd": 0.1, "outcomes": {"refreshed": 2}}
    ledgers = [
        Ledger(key=key, day=day, **values)
        for key in (KEY, total)
        for day, values in (
            (today(), {**kept, "others_usd": 0.05, "saves": 1, "saved_usd": 0.25}),
            (today(3), {**kept, "saves": 1, "saved_usd": 0.25}),
            (today(40), {"spent_usd": 9.0, "outcomes": {"written": 1}}),
        )
    ]
    # What an earlier version of the prefix spent is in the total alone.
    ledgers.append(Ledger(key=total, day=today(5), outcomes={"written": 1}, spent_usd=1.0))
    path = tmp_path / "state.json"
    documents = {
        "states": [{"key": s.key, **s.attributes()} for s in states],
        "ledgers": [vars(e) for e in ledgers],
    }
    path.write_text(json.dumps(documents))
    return path


def test_status_shows_what_was_spent_and_saved_when(cli: Any, booked: Path) -> None:
    """Today and in thirty days, by whom, by how many reads; per prefix and in total."""
    document = cli("status", "--state", booked, "--json").json
    sales, support = document["prefixes"]
    assert support["today"]["net_usd"] == pytest.approx(0.1)
    month = support["last_30_days"]
    assert (month["outcomes"], month["saves"]) == ({"refreshed": 4}, 2)
    assert (month["spent_usd"], month["others_usd"]) == (pytest.approx(0.2), 0.05)
    assert month["net_usd"] == pytest.approx(0.25)
    assert sales["last_30_days"]["outcomes"] == {}
    assert document["total"]["last_30_days"]["outcomes"] == {"refreshed": 4, "written": 1}
    assert document["total"]["last_30_days"]["net_usd"] == pytest.approx(-0.75)
    shown = cli("status", "--state", booked).out
    assert "4 refreshed" in shown
    assert (
        "today: spent $0.15, saved $0.25 by 1 observed read, net $0.10; "
        "keep-warm calls: 2 refreshed\n"
    ) in shown


@pytest.mark.parametrize("command", [("status",), ("explain", "support")])
def test_a_paused_route_is_shown(cli: Any, booked: Path, command: tuple[str, ...]) -> None:
    """With the reason that the provider gave."""
    shown = cli(*command, "--state", booked).out
    assert "route anthropic is paused for another 20 min: HTTP 429 limit\n" in shown
    (pause,) = cli(*command, "--state", booked, "--json").json["paused"]
    assert (pause["route"], pause["reason"]) == ("anthropic", "HTTP 429 limit")


def test_explain_shows_the_ledger(cli: Any, booked: Path) -> None:
    """Day by day, and together."""
    lines = cli("explain", "support", "--state", booked).out.splitlines()
    rows = [line.split() for line in lines if line.startswith(("20", "total"))]
    assert rows == [
        [today(), "2", "refreshed", "$0.10", "$0.05", "$0.25", "1", "$0.10"],
        [today(3), "2", "refreshed", "$0.10", "$0", "$0.25", "1", "$0.15"],
        ["total", "4", "refreshed", "$0.20", "$0.05", "$0.50", "2", "$0.25"],
    ]


def test_the_guide_names_the_keys_of_the_json(cli: Any, booked: Path) -> None:
    """Of `status`, of the sums in it, and what `explain` has besides."""
    text = (Path(__file__).parents[3] / "docs" / "cli.md").read_text("utf-8")
    section = text.partition("## status and explain")[2].partition("\n## ")[0]
    listed = re.findall(r"`(\{.*?\})`", section, re.DOTALL)
    of_status, of_sums = (set(re.findall(r'"(\w+)"', keys)) for keys in listed)
    status = cli("status", "--state", booked, "--json").json
    assert of_status <= set().union(status, *status["prefixes"], *status["paused"])
    assert of_sums == set(status["total"]["today"])
    (explained,) = cli("explain", "support", "--state", booked, "--json").json["prefixes"]
    assert {"why", "ledger"} <= set(explained)


def test_unknown_prices_leave_the_net_unknown(cli: Any, tmp_path: Path) -> None:
    """Never $0."""
    state = State.of(KEY, name="support", due_at=time(), calls=1, unpriced=1)
    day = Ledger(key=KEY, day=today(), outcomes={"refreshed": 1}, unpriced=1, saved_usd=0.5)
    path = tmp_path / "state.json"
    path.write_text(
        json.dumps({"states": [{"key": state.key, **state.attributes()}], "ledgers": [vars(day)]})
    )
    (prefix,) = cli("status", "--state", path, "--json").json["prefixes"]
    assert prefix["today"]["net_usd"] is None
    assert "$0 + unknown" in cli("explain", "support", "--state", path).out


def test_a_superseded_version_is_told_from_the_deployed_one(cli: Any, tmp_path: Path) -> None:
    """By which of them was deployed last; both commands say so, and what becomes of it."""
    now, place = time(), KEY.rpartition("/")[0]
    common = {"name": "support", "due_at": now + 600, "warm_until": now + 900, "calls": 1}
    old = State.of(
        f"{place}/old",
        deployed_at=now - 7200,
        matched_at=now - 3600,
        reason="because",
        **common,
    )
    new = State.of(f"{place}/new", deployed_at=now - 60, **common)
    other = State.of(KEY.replace("support", "sales"), **{**common, "name": "sales"})
    path = tmp_path / "state.json"
    states = [{"key": s.key, **s.attributes()} for s in (old, new, other)]
    path.write_text(json.dumps({"states": states, "ledgers": []}))
    for command in (("status",), ("explain", "support")):
        prefixes = cli(*command, "--json", "--state", path).json["prefixes"]
        assert [p["fingerprint"] for p in prefixes if p["superseded"]] == ["old"]
    assert [
        "superseded" in line for line in cli("status", "--state", path).out.splitlines()[1:4]
    ] == [False, False, True]
    lines = cli("explain", "support", "--state", path).out.splitlines()
    (note,) = [line.strip() for line in lines if "superseded" in line]
    assert note == (
        "superseded: a later deployment took its place; last used 60 min ago, and forgotten "
        "when that is 3 h"
    )
