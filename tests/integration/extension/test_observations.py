"""Observations of environments that end at the answer, or in the middle of a minute."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from extension_bench import changed_layer
from observed_agents import OBSERVED, UNCHANGED, agent, direct_agent

from prefixwarm.local.errors import LocalCloudError
from tests.helpers.effort import chosen
from tests.helpers.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from extension_bench import Bench

    from prefixwarm.local.emulated_function import Function

ENVIRONMENTS = chosen(dev=4, ci=4, full=30)
LAUNCHER = "extensions/prefixwarm"
# The wait of 50 ms, and the two seconds of a report, are meant for Lambda; what is tested is that
# the answer waits, on any machine.
PATIENT = """
from prefixwarm.observe import observer, outbox
observer._REPORT_SECONDS = outbox._SECONDS = 20.0
outbox.Outbox.send.__defaults__ = (20.0,)
"""
OFF = {"PREFIXWARM_INIT": "off", "PREFIXWARM_INIT_HOLD_MS": "0"}
SIGTERM = """
import signal
signal.signal(signal.SIGTERM, lambda *_: print("the function's own handler", flush=True))
"""


def observed(bench: Bench) -> dict[str, Any]:
    """The one state of this test."""
    states = bench.states()
    return states[0] if states else {}


def ends_at_the_answer(bench: Bench, function: Function) -> int:
    """The status of the answer at which the environment is killed."""
    with bench.environment(function) as environment:
        status = environment.invoke().status
        environment.kill()
    return status


def test_none_is_lost_where_the_environment_ends_at_the_answer(bench: Bench, sdk: Path) -> None:
    """The first report of a minute is finished before the answer is handed over."""
    function = agent(bench, sdk, OBSERVED + PATIENT, **OFF)
    with ThreadPoolExecutor(2) as pool:
        statuses = pool.map(lambda _: ends_at_the_answer(bench, function), range(ENVIRONMENTS))
    assert list(statuses) == [200] * ENVIRONMENTS
    state = observed(bench)
    assert state["requests"] == str(ENVIRONMENTS)
    assert state["traffic_by"] == "observed"


@pytest.mark.parametrize("minor", ["3.11", "3.12"])
@pytest.mark.parametrize("own", ["", SIGTERM])
def test_the_rest_of_a_minute_is_sent_at_the_end(bench: Bench, minor: str, own: str) -> None:
    """At SIGTERM from 3.12 on, below by the layer at SHUTDOWN; the function's handler runs too."""
    try:
        python = bench.tools.python(f"python{minor}")
    except LocalCloudError as missing:
        pytest.skip(str(missing))
    function = replace(direct_agent(bench, own, **OFF), python=python)
    with bench.environment(function) as environment:
        for _ in range(3):
            assert environment.invoke().status == 200
        until(lambda: observed(bench).get("requests") == "1")
        log = environment.close()
    assert observed(bench)["requests"] == "3"
    assert "Traceback" not in log
    assert ("own handler" in log) is (bool(own) and minor == "3.12")


def test_sigterm_alone_sends_it(bench: Bench) -> None:
    """Where the layer has nothing left to send."""
    try:
        python = bench.tools.python("python3.12")
    except LocalCloudError as missing:
        pytest.skip(str(missing))
    nobody = "send_observed() {\n  return 0"
    launcher = (bench.layer / LAUNCHER).read_text().replace("send_observed() {", nobody)
    layer = changed_layer(bench.layer, bench.folder, {LAUNCHER: launcher})
    function = replace(direct_agent(bench, **OFF), python=python, layers=(layer,))
    with bench.environment(function) as environment:
        for _ in range(2):
            assert environment.invoke().status == 200
        environment.close()
    assert observed(bench)["requests"] == "2"


def test_observed_without_a_change_of_the_agent(bench: Bench, sdk: Path) -> None:
    """By the layer's wrapper."""
    function = agent(
        bench, sdk, UNCHANGED + PATIENT, **OFF, AWS_LAMBDA_EXEC_WRAPPER="/opt/prefixwarm/wrapper"
    )
    assert ends_at_the_answer(bench, function) == 200
    assert observed(bench)["requests"] == "1"
