"""`prefixwarm plan`: dollars, and the sentence at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.plan.advice import recommendation
from prefixwarm.plan.arrivals import Traffic
from prefixwarm.plan.comparison import compare
from prefixwarm.plan.costs import costs_of
from prefixwarm.prefix import prefix_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Planned = Any
Prefixes = Any


def row(document: dict[str, Any], policy: str) -> dict[str, Any]:
    row: dict[str, Any] = next(r for r in document["policies"] if r["policy"] == policy)
    return row


def test_dollars_are_tokens_times_prices(planned: Planned, tmp_path: Path) -> None:
    """Two requests, ten days apart: writes of $0.05, or of $0.08 and 39 refreshes of $0.002."""
    (tmp_path / "a.csv").write_text(f"0\n{10 * 86400}\n")
    document = planned("--arrivals", tmp_path / "a.csv")
    assert document["unit_usd"] == pytest.approx(0.04)
    assert row(document, "do nothing")["usd_per_day"] * 10 == pytest.approx(0.10)
    assert row(document, "ski")["usd_per_day"] * 10 == pytest.approx(0.16 + 39 * 0.002)
    assert row(document, "ski")["usd_per_month"] == pytest.approx(
        row(document, "ski")["usd_per_day"] * 30
    )


def test_tokens_that_nobody_counted_are_marked(planned: Planned, file: Path) -> None:
    """In the document by a key, in words by a tilde."""
    assert planned("--rate", 1)["tokens_estimated"] is False
    document = json.loads(file.read_text("utf-8"))
    document["tokens"] = {"counted": None, "estimate": 300, "minimum": 512}
    file.write_text(json.dumps(document))
    estimated = planned("--rate", 1)
    assert (estimated["tokens"], estimated["tokens_estimated"]) == (300, True)
    assert "its ~300 tokens are below" in estimated["recommendation"]


def test_a_rare_prefix_is_not_to_be_kept_warm(planned: Planned, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("".join(f"{week * 7 * 86400}\n" for week in range(8)))
    document = planned("--arrivals", tmp_path / "a.csv")
    assert document["keep_warm"] is False
    assert document["recommendation"].startswith("Do not keep this warm: with 0.14 session starts")


@pytest.mark.slow
def test_an_office_agent_is_to_be_kept_warm(planned: Planned) -> None:
    document = planned("--rate", 1, "--hours", "08-20", "--tz", "Europe/Paris")
    assert document["keep_warm"] is True
    assert document["recommendation"].startswith("Keep this warm with the rule ")
    assert 0.3 < document["break_even_per_day"] < 2
    cheap, dear = row(document, document["cheapest"]), row(document, "do nothing")
    assert cheap["usd_per_day"] < dear["usd_per_day"] / 2
    assert cheap["hit_rate"] > 0.9


@pytest.mark.slow
def test_hours_of_a_few_minutes_a_week_are_planned_for(planned: Planned) -> None:
    document = planned("--rate", 60, "--hours", "08:00-08:05", "--weekdays", "mon")
    assert document["cheapest"] == "do nothing"


@pytest.mark.slow
def test_waiting_has_a_price_and_changes_the_advice(planned: Planned, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("".join(f"{day * 2 * 86400}\n" for day in range(30)))
    assert planned("--arrivals", tmp_path / "a.csv")["keep_warm"] is False
    dear = planned("--arrivals", tmp_path / "a.csv", "--latency-value", 0.5, "--miss-seconds", 2)
    assert (dear["latency_usd"], dear["keep_warm"]) == (1.0, True)
    assert row(dear, "do nothing")["waiting_usd_per_day"] == pytest.approx(30 / 58)
    assert row(dear, "do nothing")["usd_per_day"] == pytest.approx(30 * 0.05 / 58)
    assert "a month, waiting included, costs" in dear["recommendation"]


@pytest.mark.slow
def test_no_policy_is_cheaper_than_the_optimum(planned: Planned) -> None:
    document = planned("--rate", 0.5)
    least = row(document, "optimum")["units_per_day"]
    assert all(policy["units_per_day"] >= least for policy in document["policies"])


def test_a_prefix_under_the_minimum_is_never_cached(prefix: Prefixes) -> None:
    costs = costs_of(prefix(tokens=500))
    made = compare(Traffic.of([0.0, 4000.0, 9000.0] * 1, "a test"), costs)
    assert costs.too_short
    assert made.worthwhile is False


def test_a_saving_of_less_than_a_cent_a_month_is_none(prefix: Prefixes) -> None:
    tiny = {"input": 1e-4, "read": 1e-5, "write_5m": 1.25e-4, "write_1h": 2e-4}
    costs = costs_of(prefix(prices={"source": "a test", "usd_per_mtok": tiny}))
    made = compare(Traffic.of([hour * 3000.0 for hour in range(200)], "a test"), costs)
    assert made.best.policy in ("ski", "hazard", "auto", "1 h TTL alone")
    assert made.worthwhile is False


@pytest.mark.slow
def test_aws_charge_is_part_of_the_verdict(prefix: Prefixes) -> None:
    """What is saved must pay for the keep-warm function too; doing nothing costs AWS nothing."""
    traffic = Traffic.of([hour * 3500.0 + 1.0 for hour in range(240)], "a test")
    costs = costs_of(prefix())
    dear = compare(traffic, costs, None, 1000.0)
    assert dear.best.policy in ("do nothing", "1 h TTL alone")
    assert not dear.worthwhile
    assert (dear.aws_usd(dear.row("ski")), dear.aws_usd(dear.row("do nothing"))) == (1000.0, 0.0)
    assert dear.break_even_per_day is None
    assert "Do not keep this warm" in recommendation(dear)


def test_the_models_own_prices_are_looked_up_where_the_file_has_none(prefix: Prefixes) -> None:
    costs = costs_of(prefix(prices=None))
    assert (costs.unit_usd, costs.multipliers.read) == (pytest.approx(0.04), pytest.approx(0.05))


@pytest.mark.slow
def test_an_unknown_price_is_unknown_and_never_zero(
    plan: Callable[..., tuple[int, str, str]], file: Path, prefix: Prefixes
) -> None:
    prefix_file.write(prefix(model="claude-opus-9", prices=None), file.parent)
    code, out, _ = plan("--rate", 1)
    assert code == 0
    assert "unknown" in out
    assert "$" not in out.replace("$0", "")
    assert "uncached reads of the prefix" in out


@pytest.mark.slow
def test_further_requests_of_a_minute_cost_a_read_each(prefix: Prefixes) -> None:
    costs = costs_of(prefix())
    alone = compare(Traffic.of([0.0, 9000.0], "a test"), costs).row("ski")
    many = compare(Traffic.of([0.0, 9000.0], "a test", folded=100), costs).row("ski")
    assert many.units_per_day - alone.units_per_day == pytest.approx(100 * 0.05)


@pytest.mark.slow
def test_people_get_a_table(plan: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = plan("--rate", 2)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split()[:2] == ["POLICY", "USD/DAY"]
    assert "Break-even: about " in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give one of --arrivals FILE, --rate PER_HOUR and --from-cloudwatch"),
        (["--rate", "1", "--arrivals", "x.csv"], "give one of"),
        (["--rate", "0"], "write requests per hour"),
        (["--rate", "-3"], "write requests per hour"),
        (["--rate", "much"], "not a valid float"),
        (["--rate", "1", "--hours", "20"], "such as 08:00-20:00"),
        (["--rate", "1", "--hours", "08-08"], "two different times"),
        (["--rate", "1", "--tz", "Mars/Olympus"], "'Mars/Olympus' is unknown"),
        (["--rate", "1", "--weekdays", "never"], "weekday 'never'"),
        (["--rate", "1", "--latency-value", "-1"], "--latency-value"),
        (["--arrivals", "missing.csv"], "missing.csv: cannot be read"),
        (["--rate", "0.01", "--html", "/nonexistent/plan.html"], "cannot be written"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    plan: Callable[..., tuple[int, str, str]], arguments: list[str], message: str
) -> None:
    code, out, err = plan(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_the_write_at_a_deployment_is_shown_apart(
    prefix: Prefixes,
) -> None:
    """It is in no other figure, since nobody knows how often there is one."""
    costs = costs_of(prefix())
    plan = compare(Traffic.of([0.0, 9000.0], "a test"), costs)
    write = costs.usd(costs.multipliers.write_1h)
    assert [plan.row(rule).deployment_usd for rule in ("auto", "ski", "hazard")] == [write] * 3
    assert plan.row("do nothing").deployment_usd == plan.row("optimum").deployment_usd == 0
