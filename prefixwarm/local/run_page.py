"""Writes a run's measurements as one self-contained HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars, tokens
from prefixwarm.local import run_charts, run_timeline
from prefixwarm.local.run_timeline import seconds
from prefixwarm.pages.document import document, explanations, heading, legend, paragraph, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.local.measured_run import MeasuredRun, Scenario


def page(run: MeasuredRun) -> str:
    """Return the page: HTML without scripts or references."""
    style = run_timeline.STYLE + run_charts.STYLE
    return document(f"Cold starts of {run.app}, without and with prefixwarm", _parts(run), style)


def _parts(run: MeasuredRun) -> Iterator[str]:
    scenarios = run.scenarios
    yield paragraph(_answer(run), "advice")
    if run.machine.busy:
        yield paragraph(
            "This machine was busy with other programs, so the lengths of init phases say nothing. "
            "The waits for the first token do not depend on that.",
            "soft",
        )
    yield table([_row(one, busy=run.machine.busy) for one in scenarios])
    yield heading("What happened")
    yield explanations({one.name: _sentence(one.title) for one in scenarios})
    yield heading("When it happened")
    yield paragraph("Seconds from the start of the environment.", "soft")
    yield legend(run_timeline.LEGEND)
    yield from run_timeline.timelines(scenarios, busy=run.machine.busy)
    yield heading("How long the cache keeps it")
    yield legend(run_charts.LIFE_LEGEND)
    yield run_charts.lives(scenarios)
    yield heading("What the provider billed")
    yield paragraph("US dollars of one round: real requests + warm calls.", "soft")
    yield legend(run_charts.COST_LEGEND)
    yield run_charts.costs(scenarios)
    yield heading("How it was measured")
    yield paragraph(_measured(run), "soft")


def _answer(run: MeasuredRun) -> str:
    """Compare the first scenario with the second in one sentence."""
    first, *others = run.scenarios
    if not others:
        return f"The first token comes {seconds(first.first_request.ttft_ms)} after the request."
    other = min(others, key=lambda one: one.first_request.ttft_ms)
    before, after = first.first_request, other.first_request
    return (
        f"The first token comes {seconds(after.ttft_ms)} after the request instead of "
        f"{seconds(before.ttft_ms)}, and the first request costs {dollars(after.cost_usd)} "
        f"instead of {dollars(before.cost_usd)}."
    )


def _row(one: Scenario, *, busy: bool) -> dict[str, str]:
    """Cells by column."""
    first = one.first_request
    return {
        "scenario": one.name,
        "starts": str(one.environments),
        "first token": seconds(first.ttft_ms),
        "tokens read": tokens(first.cache_read_tokens),
        "tokens written": tokens(first.cache_write_tokens),
        "first request": dollars(first.cost_usd),
        "warm calls": str(one.warm_calls),
        "their cost": dollars(one.warm_cost_usd),
        **({} if busy else {"init": _spread(one)}),
    }


def _spread(one: Scenario) -> str:
    """The median init phase, and the range if there are several."""
    low, high = one.init_range_ms
    spread = "" if low == high else f" ({low / 1000:.2f} to {seconds(high)})"
    return seconds(one.init_ms) + spread


def _sentence(title: str) -> str:
    return f"{title[:1].upper()}{title[1:]}."


def _measured(run: MeasuredRun) -> str:
    latency = run.latency
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    return (
        "On this machine, with no account: a local AWS API, AWS's Lambda emulator, and a simulated "
        f"provider that takes {latency.base:g} s + uncached tokens / {latency.prefill_rate:,.0f} "
        f"per s + read tokens / {latency.read_rate:,.0f} per s to the first token. "
        f"{run.machine.cores} processor cores. {versions}."
    )
