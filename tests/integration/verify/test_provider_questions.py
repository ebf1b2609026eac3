"""Every switch of the simulator is a question to the provider that finds it out, both ways."""

from __future__ import annotations

import json
from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.amounts import dollars
from prefixwarm.cli.command_group import run
from prefixwarm.errors import CredentialsError
from prefixwarm.simulator import Switches
from prefixwarm.verify import verify_provider
from prefixwarm.verify.provider_questions.provider_caller import Clock
from prefixwarm.verify.provider_questions.provider_report import ReportRow
from prefixwarm.verify.provider_questions.question_run import QUESTIONS, QuestionRun
from prefixwarm.verify.provider_questions.rehearsal import (
    environment,
    rehearse,
    simulated,
    simulated_caller,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prefixwarm.simulator import Simulator

MODELS = {
    "anthropic": "claude-haiku-5-5",
    "aws": "claude-haiku-5-5",
    "bedrock-mantle": "anthropic.claude-haiku-5-5",
    "bedrock": "global.anthropic.claude-haiku-5-5",
}
# Another position of each switch, and what is concluded from it where that is a range's end.
FLIPPED: dict[str, tuple[object, object]] = {
    "refuse_zero": (True, True),
    "key_beta": (False, False),
    "key_geo": (False, False),
    "key_version": (False, False),
    "thinking_tier": ("system", "system"),
    "scope": ("organization", "organization"),
    "linger": (30.0, 20.0),
    "settle": (3.0, 4.0),
    "ttl_upgrade": (True, True),
    "refresh_nested": (True, True),
    "downgrade_1h": (True, True),
    "ignore_markers": (True, True),
    "iterations": (True, True),
    "legacy_usage": ("null", "null"),
    "share_converse": (True, True),
    "call_tools": (True, True),
    "inner_markers": ("refused", "refused"),
}
ONLY_ON = {"share_converse": "bedrock"}


def ask(route: str, **switches: Any) -> dict[str, ReportRow]:
    """All questions, on a simulated provider with these switches."""
    with (
        simulated(**switches) as simulator,
        simulated_caller(simulator, route, MODELS[route]) as caller,
    ):
        rows = [ReportRow.of(one) for one in QuestionRun(caller, slow=True).all()]
    return {row.switch: row for row in rows}


def results(rows: Mapping[str, ReportRow]) -> dict[str, str]:
    return {name: row.result for name, row in rows.items()}


def test_each_switch_is_a_question() -> None:
    assert sorted(question.switch for question in QUESTIONS) == sorted(Switches().public())
    assert set(FLIPPED) == {field.name for field in fields(Switches)}


@pytest.mark.parametrize("route", MODELS)
def test_what_the_simulator_does_by_default_agrees(route: str) -> None:
    """On every route; what cannot be asked there is not."""
    rows = ask(route)
    asked = {question.switch for question in QUESTIONS if route in question.routes}
    assert results(rows) == {name: "agrees" if name in asked else "not asked" for name in rows}
    assert {name: row.value for name, row in rows.items() if name in asked} == {
        name: value for name, value in Switches().public().items() if name in asked
    }


@pytest.mark.parametrize("name", FLIPPED)
def test_another_position_is_noticed(name: str) -> None:
    """That one, and no other; the option that is proposed sets it."""
    position, concluded = FLIPPED[name]
    rows = ask(ONLY_ON.get(name, "anthropic"), **{name: position})
    assert (rows[name].result, rows[name].value) == ("differs", concluded)
    differing = {other for other, result in results(rows).items() if result == "differs"}
    assert differing == {name}
    text = str(concluded).lower() if isinstance(concluded, bool) else concluded
    assert rows[name].to_set == f"--switch {name}={text}"


@pytest.mark.parametrize("position", ["messages", "missing"])
def test_the_third_positions(position: str) -> None:
    name = "thinking_tier" if position == "messages" else "legacy_usage"
    rows = ask("anthropic", **{name: position})
    assert (rows[name].result, rows[name].value) == ("differs", position)


def test_where_nothing_is_cached_the_rest_is_not_guessed() -> None:
    rows = ask("anthropic", ignore_markers=True)
    assert rows["key_beta"].did == "nothing is cached"
    assert rows["refuse_zero"].result == "agrees"


def test_an_older_model_that_thinks_by_budget() -> None:
    with (
        simulated(thinking_tier="messages") as simulator,
        simulated_caller(simulator, "anthropic", "claude-sonnet-4-5") as caller,
    ):
        asked = QuestionRun(caller, slow=False).all()
    rows = {row.switch: row for row in map(ReportRow.of, asked)}
    assert rows["thinking_tier"].value == "messages"
    assert rows["linger"].did == "it waits for an entry to end: --slow"


def test_no_call_is_sent_that_might_pass_the_cap() -> None:
    """What was asked before stays; the provider's own ledger is under the cap."""
    cap = Decimal("0.002")
    with (
        simulated() as simulator,
        simulated_caller(simulator, "anthropic", MODELS["anthropic"], cap) as caller,
    ):
        asked = QuestionRun(caller, slow=True).all()
        billed = sum(float(request["cost_usd"]) for request in simulator.requests())
    rows = [ReportRow.of(one) for one in asked]
    assert {row.result for row in rows} == {"agrees", "not asked"}
    assert len(rows) == len(QUESTIONS)
    assert 0 < billed == pytest.approx(float(caller.spending.spent))
    assert billed <= 0.002
    assert caller.spending.is_over


def test_busy_moments_are_waited_out_and_lost_replies_counted() -> None:
    with (
        simulated() as simulator,
        simulated_caller(simulator, "anthropic", MODELS["anthropic"]) as caller,
    ):
        simulator.inject(status=529, count=2)
        simulator.inject(status=429, retry_after=7, count=1)
        asked = QuestionRun(caller, slow=False).all()
        assert all(ReportRow.of(one).result in ("agrees", "not asked") for one in asked)
        before = caller.spending.spent
        simulator.inject(kind="lost", count=2)
        again = [ReportRow.of(one) for one in QuestionRun(caller, slow=False).all()]
        assert [row.result for row in again].count("unclear") == 1
        assert caller.spending.spent > before


def test_refused_credentials_end_the_run() -> None:
    with (
        simulated() as simulator,
        simulated_caller(simulator, "anthropic", MODELS["anthropic"]) as caller,
    ):
        caller.connections[0].environ["ANTHROPIC_API_KEY"] = "wrong"  # type: ignore[index]
        with pytest.raises(CredentialsError, match="HTTP 401"):
            QuestionRun(caller, slow=False).all()


def test_prompts_of_two_runs_do_not_meet() -> None:
    """What one run has written, the next must not read."""
    with simulated() as simulator:
        for _ in range(2):
            with simulated_caller(simulator, "anthropic", MODELS["anthropic"]) as caller:
                rows = [ReportRow.of(one) for one in QuestionRun(caller, slow=False).all()]
            assert not [row for row in rows if row.result == "differs"]


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A provider that differs in two points, where the environment leads to."""
    with simulated(downgrade_1h=True, settle=3.0) as simulator:
        for name, value in environment(simulator, "anthropic").items():
            monkeypatch.setenv(name, value)
        clock = Clock(simulator.now, simulator.advance)
        monkeypatch.setattr(verify_provider, "CLOCK", clock)
        yield simulator


def command(*arguments: str) -> int:
    return run(arguments, verify_provider.verify_provider, "verify-provider")


def test_the_command_end_to_end(simulator: Simulator, tmp_path: Path, capsys: Any) -> None:
    """Estimate first, then the answers; the file that it writes sets a simulator up."""
    file = tmp_path / "provider.json"
    assert command("--slow", "--out", str(file)) == 1
    out, err = capsys.readouterr()
    assert "about $0.0" in err.splitlines()[0]
    assert "at most $0.50;" in err.splitlines()[0]
    assert "prefixwarm simulator --switch downgrade_1h=true --switch settle=4.0" in out
    document = json.loads(file.read_text())
    assert document["switches"]["downgrade_1h"] is True
    assert document["spent_usd"] <= 0.5
    billed = sum(float(request["cost_usd"]) for request in simulator.requests())
    assert document["spent_usd"] == pytest.approx(billed)
    assert "scope" not in document["switches"]


def test_the_command_asks_from_a_second_workspace(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("VERIFY_SECOND_API_KEY", "second")
    assert command("--json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["switches"]["scope"] == "workspace"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--cap", "0"), 2, "--cap 0: write US dollars, above 0"),
        (("--cap", "much"), 2, "--cap much"),
        (("--cap", "0.0001"), 2, "the questions cost about"),
        (("--model", "gpt-9"), 2, "--model gpt-9"),
        (("--route", "bedrock-converse"), 2, "bedrock-converse"),
    ],
)
def test_bad_input_is_one_line(
    simulator: Simulator, capsys: Any, arguments: tuple[str, ...], code: int, message: str
) -> None:
    assert command(*arguments) == code
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("verify-provider: ")
    assert message in last
    assert not simulator.requests()


def test_no_key_is_one_line(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    assert command() == 1
    assert "no API key: set ANTHROPIC_API_KEY" in capsys.readouterr().err.splitlines()[-1]


def test_the_rehearsal_is_about_what_it_costs() -> None:
    _, usd = rehearse("anthropic", MODELS["anthropic"], slow=True, second=True)
    assert Decimal(0) < usd < Decimal("0.05")
    _, dearer = rehearse("anthropic", "claude-sonnet-5-5", slow=True, second=True)
    assert dearer < Decimal("0.50")


def test_a_provider_that_cannot_be_reached_is_one_line(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """And costs nothing."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    assert command() == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[-1] == "verify-provider: 127.0.0.1:9: Connection refused"


def test_a_question_that_stays_open_is_no_success(simulator: Simulator, capsys: Any) -> None:
    """Nor is it taken for an answer."""
    simulator.switch(downgrade_1h=False, settle=0.0)
    simulator.inject(status=400, count=1, message="no")
    assert command("--json") == 1
    rows = {row["switch"]: row for row in json.loads(capsys.readouterr().out)["questions"]}
    assert (rows["ignore_markers"]["result"], rows["ignore_markers"]["value"]) == ("unclear", None)
    assert rows["key_beta"]["did"] == "whether anything is cached stayed open"


def test_a_run_that_is_interrupted_says_what_was_spent(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """While it waits between two calls."""

    def interrupted(seconds: float) -> None:
        if seconds:
            raise KeyboardInterrupt

    monkeypatch.setattr(verify_provider, "CLOCK", Clock(simulator.now, interrupted))
    assert command() == 130
    spent = dollars(sum(float(request["cost_usd"]) for request in simulator.requests()))
    assert f"ended early; spent {spent}" in capsys.readouterr().err.splitlines()
