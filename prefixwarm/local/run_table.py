"""Prints a measured run as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.local.measured_run import MeasuredRun, ProviderLatency, Scenario


_COLUMNS = (
    "scenario",
    "starts",
    "first token",
    "read",
    "written",
    "first request",
    "warm calls",
    "their cost",
    "cache writes",
)
# To leave out on a narrow terminal, in this order.
_LEAST_IMPORTANT = ("cache writes", "starts", "init", "held at most", "added init", "written")
_GAP = "  "
# A busy machine has no init phases worth showing; what the provider takes depends on none.
_INIT_COLUMNS, _WAITING_COLUMNS = ("init", "added init"), ("held at most",)


def latency_model(latency: ProviderLatency) -> str:
    """One line with the simulated provider's latency model."""
    return (
        f"simulated first token: {latency.base:g} s + uncached tokens / {latency.prefill_rate:,.0f}"
        f" per s + read tokens / {latency.read_rate:,.0f} per s"
    )


def as_table(run: MeasuredRun, width: int | None = None) -> tuple[str, bool]:
    """Aligned columns with a legend.

    Parameters
    ----------
    width
        Characters of a line; columns are left out until the rest fits. None shows all.

    Returns
    -------
    str, bool
        The text, and whether columns are left out.
    """
    columns = (*_COLUMNS, *(_WAITING_COLUMNS if run.machine.busy else _INIT_COLUMNS))
    rows = [columns, *(_row(scenario, run.machine.busy) for scenario in run.scenarios)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(columns))]
    shown = _fitting(columns, widths, width)
    lines = (_line([row[i] for i in shown], [widths[i] for i in shown]) for row in rows)
    text = "\n".join([*lines, "", *_notes(run), latency_model(run.latency)])
    return text, len(shown) < len(columns)


def _fitting(columns: Sequence[str], widths: Sequence[int], most: int | None) -> list[int]:
    """Indices of the columns that fit, without the least important ones."""
    shown = list(range(len(columns)))
    for name in _LEAST_IMPORTANT:
        if most is None or sum(widths[i] for i in shown) + len(_GAP) * (len(shown) - 1) <= most:
            break
        shown = [i for i in shown if columns[i] != name]
    return shown


def summary(scenario: Scenario) -> str:
    """One line about a scenario, as soon as it is measured."""
    first = scenario.first_request
    return (
        f"{scenario.name}: first token after {first.ttft_ms:,.0f} ms, "
        f"{first.cache_read_tokens:,} tokens read and {first.cache_write_tokens:,} written "
        f"for {dollars(first.cost_usd)}"
    )


def _row(scenario: Scenario, busy: bool) -> tuple[str, ...]:
    first = scenario.first_request
    return (
        scenario.name,
        str(scenario.environments),
        f"{first.ttft_ms:,.0f} ms",
        f"{first.cache_read_tokens:,}",
        f"{first.cache_write_tokens:,}",
        dollars(first.cost_usd),
        str(scenario.warm_calls),
        dollars(scenario.warm_cost_usd),
        str(scenario.cache_writes),
        *((_held(scenario),) if busy else _init(scenario)),
    )


def _init(scenario: Scenario) -> tuple[str, str]:
    shortest, longest = scenario.init_range_ms
    several = len(scenario.rounds) > 1
    spread = f" ({shortest:,.0f} to {longest:,.0f})" if several else ""
    return f"{scenario.init_ms:,.0f} ms{spread}", f"{scenario.added_init_ms:+,.0f} ms"


def _held(scenario: Scenario) -> str:
    """How long the warm calls of init phases took at the provider."""
    times = [
        call.ended_ms - call.began_ms
        for round_ in scenario.rounds
        for call in round_.calls
        if call.by == "init" and call.ended_ms is not None
    ]
    return f"{max(times):,.0f} ms" if times else "-"


def _notes(run: MeasuredRun) -> Iterator[str]:
    machine = run.machine
    yield "first token, read, written: wait and cache tokens of an environment's first request"
    if machine.busy:
        yield (
            f"other programs used {machine.busy_cores:.1f} of this machine's {machine.cores} cores:"
            " init phases would mislead and are in --json alone"
        )
        yield "held at most: how long the init phase's warm call took at the provider"
    else:
        yield "added init: against the same function without the layer"
    if any(scenario.environments > 1 for scenario in run.scenarios):
        yield (
            "storm: means and medians of all starts, which share this machine's "
            f"{machine.cores} cores"
        )


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *rest = (
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return _GAP.join([name, *rest]).rstrip()
