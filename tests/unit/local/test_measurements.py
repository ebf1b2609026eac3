"""How runs become plain data, and the lines of the demo's table."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from prefixwarm.cli.local_run import show_table
from prefixwarm.local.emulator import Invocation
from prefixwarm.local.errors import NoModelCallError
from prefixwarm.local.measured_run import Machine, MeasuredRun
from prefixwarm.local.measurements import Run, scenario
from prefixwarm.local.run_table import notes, rows
from prefixwarm.simulator import Latency

TTL_1H = 3600


def answer(number: int, *, began: float = 10.0) -> Invocation:
    """What the emulator reports of a start."""
    return Invocation({}, 200, 100.0 + number, "", began, began + 2.0)


def request(
    *, ttft_ms: float = 300.0, read: int = 0, written: int = 0, warm: bool = False, **more: Any
) -> dict[str, Any]:
    """What the provider recorded."""
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": 5,
    }
    return {
        "time": 1_000_011.0,
        "status": 200,
        "headers": {"user-agent": "prefixwarm" if warm else "anthropic/python"},
        "usage": usage,
        "ttft_ms": ttft_ms,
        "latency_ms": ttft_ms + 50,
        "cost_usd": 0.5,
        **more,
    }


def measured(*scenarios: Any, busy: bool = False) -> MeasuredRun:
    """A run with these scenarios."""
    latency = Latency(base=0.35, prefill_rate=12_000, read_rate=5e5, output_rate=80)
    machine = Machine(cores=2, busy=busy, busy_cores=1.5 if busy else 0.0)
    return MeasuredRun("example", tuple(scenarios), latency, machine, {"prefixwarm": "1"})


def test_storm_is_the_mean_over_environments_and_counts_every_write() -> None:
    """Writes of the agents themselves count as much as the warm call's."""
    run = Run(
        [answer(1), answer(2)],
        [
            request(written=9, warm=True),
            request(ttft_ms=100, written=9),
            request(ttft_ms=300, read=9, cost_usd=0.1),
        ],
    )
    line = scenario("storm", "many", [run], without_layer_ms=91.5)
    assert line.environments == 2
    assert line.first_request.ttft_ms == 200
    assert line.first_request.cost_usd == pytest.approx(0.3)
    assert (line.warm_calls, line.warm_cost_usd, line.cache_writes) == (1, 0.5, 2)
    assert (line.init_ms, line.added_init_ms) == (101.5, 10.0)


def test_repeated_scenario_is_its_run_with_the_median_wait() -> None:
    """The numbers of one line belong to one run; init phases are medians of all."""
    runs = [
        Run([answer(number)], [request(ttft_ms=wait, cost_usd=number)])
        for number, wait in [(1, 900.0), (2, 300.0), (3, 400.0)]
    ]
    line = scenario("cold", "one", runs, without_layer_ms=102.0)
    assert line.first_request.ttft_ms == 400
    assert line.first_request.cost_usd == 3
    assert (line.init_ms, line.added_init_ms) == (102, 0)
    assert line.init_range_ms == (101, 103)


def test_first_request_of_an_environment_is_the_agents_first() -> None:
    """Neither a warm call nor a later turn is."""
    calls = [request(warm=True), request(ttft_ms=400, read=9), request(ttft_ms=350, read=12)]
    first = Run([answer(1)], calls).first_request
    assert (first.ttft_ms, first.cache_read_tokens) == (400, 9)


def test_agent_without_a_model_call_is_no_measurement() -> None:
    """Its answer says why."""
    log = "START RequestId: 1\nhelp\n[INFO] (rapid) x\nEND RequestId: 1\n"
    error = {"errorType": "KeyError", "errorMessage": "no key", "stackTrace": ["x"]}
    failed = Invocation(error, 200, 5.0, log)
    refused = request(status=401, usage=None, ttft_ms=0, latency_ms=None, cost_usd=None)
    refused["ttft_ms"] = None
    for requests in ([], [refused]):
        with pytest.raises(
            NoModelCallError, match=r"answered KeyError: no key.*its log ends: help$"
        ):
            scenario("cold", "one", [Run([failed], requests)], without_layer_ms=0)


@pytest.mark.parametrize(
    ("trace", "says"),
    [
        (
            [
                ' File "/var/lang/lib/python3.11/importlib/__init__.py", line 126, in x',
                ' File "/var/task/handler.py", line 14, in <module>',
                ' File "/var/lang/lib/python3.11/json/decoder.py", line 355, in raw_decode',
            ],
            "JSONDecodeError: no JSON (/var/task/handler.py, line 14);",
        ),
        ([' File "/opt/x.py", line 2, in f'], "JSONDecodeError: no JSON (/opt/x.py, line 2);"),
        (["    at handler (file:///var/task/index.mjs:3:9)"], "JSONDecodeError: no JSON;"),
        (None, "JSONDecodeError: no JSON;"),
        (7, "JSONDecodeError: no JSON;"),
    ],
)
def test_failed_function_is_shown_with_the_line_of_its_own_code(trace: Any, says: str) -> None:
    """Where it is known: the last one that is neither the runtime's nor a library's."""
    error = {"errorType": "JSONDecodeError", "errorMessage": "no JSON", "stackTrace": trace}
    with pytest.raises(NoModelCallError) as raised:
        Run([Invocation(error, 200, 5.0, "")], []).require_model_call()
    assert f"it answered {says}" in str(raised.value)


def test_unknown_price_stays_unknown() -> None:
    """It is not $0."""
    calls = [request(warm=True, cost_usd=None), request(cost_usd=None)]
    line = scenario("layer", "one", [Run([answer(1)], calls)], without_layer_ms=0)
    assert line.warm_cost_usd is None
    assert line.first_request.cost_usd is None
    (row,) = rows(measured(line))
    assert row["their cost"] == row["first request"] == "unknown"


def test_round_is_timed_from_its_first_invocation() -> None:
    """On the provider's clock, whatever this machine's is."""
    entry = {"tokens": 9, "ttl": "1h", "available_at": 1_000_010.5, "reads": 1}
    run = Run(
        [answer(1, began=10.25), answer(2, began=10.0)],
        [request(time=1_000_009.0, warm=True), request(time=1_000_010.25, warm=True), request()],
        entries=[{**entry, "expires_at": 1_000_010.0 + TTL_1H}],
        earlier=1,
        clock_offset=1_000_000.0,
        busy_cores=0.25,
        earlier_log='{"message":"tick","service":"s","due":0}\nSTART {}\n[1]\n{"a":1}\n',
    )
    data = run.round()
    assert [(s.began_ms, s.answered_ms) for s in data.starts] == [(250, 2250), (0, 2000)]
    assert [(c.by, c.began_ms, c.first_token_ms, c.ended_ms) for c in data.calls] == [
        ("keepwarm", -1000, -700, -650),
        ("init", 250, 550, 600),
        ("agent", 1000, 1300, 1350),
    ]
    assert data.log == ('{"message":"tick","service":"s","due":0}',)
    (held,) = data.entries
    assert (held.ttl_seconds, held.written_ms, held.expires_ms) == (TTL_1H, 500, 3_600_000)


def test_document_has_the_documented_keys() -> None:
    """Machines read these keys."""
    run = Run([answer(1)], [request(read=7)])
    document = json.loads(
        json.dumps(measured(scenario("layer", "one", [run], without_layer_ms=1)).document())
    )
    assert list(document) == ["app", "scenarios", "latency", "machine", "versions"]
    (line,) = document["scenarios"]
    assert len(line.pop("rounds")) == 1
    assert line == {
        "name": "layer",
        "title": "one",
        "environments": 1,
        "first_request": {
            "ttft_ms": 300.0,
            "cache_read_tokens": 7,
            "cache_write_tokens": 0,
            "input_tokens": 10,
            "cost_usd": 0.5,
        },
        "warm_calls": 0,
        "warm_cost_usd": 0,
        "cache_writes": 0,
        "init_ms": 101,
        "added_init_ms": 100,
    }


def test_table_lines_are_aligned(capsys: Any) -> None:
    """Every line is as wide as the head, and the latency model is below."""
    run = Run([answer(1)], [request(ttft_ms=1234.5, written=7000)])
    runs = [run, Run([answer(9)], [request()])]
    show_table(measured(scenario("cold", "one", runs, 101)), wide=False)
    shown = capsys.readouterr()
    assert not shown.err
    table, notes = shown.out.split("\n\n")
    lines = table.splitlines()
    assert "simulated first token" in notes
    assert len({len(line) for line in lines}) == 1
    assert "1,234 ms" in lines[1]


@pytest.mark.parametrize("busy", [False, True])
def test_narrow_table_keeps_what_matters(
    busy: bool, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wait, read and cost stay; nothing is left out of a wide one."""
    run = Run([answer(1)], [request(ttft_ms=1234.5, written=7_000_000)])
    measured_one = measured(scenario("redeployed", "one", [run], 101), busy=busy)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    sizes = {"narrow": 80, "broad": 500}
    shown = {}
    for name, columns in sizes.items():
        size = os.terminal_size((columns, 24))
        monkeypatch.setattr("prefixwarm.cli.output.get_terminal_size", lambda size=size: size)
        show_table(measured_one, wide=False)
        shown[name] = capsys.readouterr()
    show_table(measured_one, wide=True)
    assert capsys.readouterr() == shown["broad"]
    assert not shown["broad"].err
    lines = shown["narrow"].out.partition("\n\n")[0].splitlines()
    assert shown["narrow"].err == "some columns are left out; --wide shows them\n"
    assert max(map(len, lines)) <= 80
    for name in ("first token", "read", "first request", "warm calls", "their cost"):
        assert name in lines[0]


def test_repeated_init_phases_are_shown_with_their_spread() -> None:
    """A median alone would hide how far they lie apart."""
    runs = [Run([answer(number)], [request()]) for number in (1, 2, 9)]
    (row,) = rows(measured(scenario("cold", "one", runs, 102)))
    assert row["init"] == "102 ms (101 to 109)"


def test_busy_machine_shows_what_the_provider_took_instead() -> None:
    """Its init phases say how busy it was, and nothing else."""
    runs = [Run([answer(1)], [request(warm=True), request()])]
    run = measured(scenario("layer", "one", runs, 101), busy=True)
    (row,) = rows(run)
    assert [*row.items()][-1] == ("held at most", "350 ms")
    assert "other programs used 1.5 of this machine's 2 cores" in "\n".join(notes(run))
    assert "added init" not in "\n".join((*row, *notes(run)))
