"""`prefixwarm demo`: run the whole system on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from prefixwarm.cli.local_run import closed_network, progress_notes, show_table
from prefixwarm.cli.output import emit, json_option, wide_option
from prefixwarm.cli.page_files import html_option, refuse_unwritable, write_page

if TYPE_CHECKING:
    from pathlib import Path

_SHORT = ("cold", "layer", "keepwarm")
_REPEATS = 3


@click.command(epilog="Example: prefixwarm demo --json > demo.json")
@click.option(
    "--full",
    is_flag=True,
    help=f"Repeat each start {_REPEATS} times, and add fifty starts at once. Takes minutes.",
)
@html_option
@wide_option
@json_option
def demo(full: bool, html: Path | None, wide: bool, as_json: bool) -> None:
    """Run the same agent without and with prefixwarm, on this machine, with no account.

    Deploys the example agent and a warmer with the CDK CLI to a local AWS API, and starts them
    under AWS's own Lambda emulator against a simulated provider. Needs Linux and, the first time,
    the package indexes. `prefixwarm try` does the same with an app of your own.
    """
    from prefixwarm.local import run_page, run_report, run_table
    from prefixwarm.local.example_app import ExampleApp
    from prefixwarm.local.scenarios import Scenarios
    from prefixwarm.local.setup import example
    from prefixwarm.local.simulated_provider import LATENCY
    from prefixwarm.local.toolchain import Tools

    refuse_unwritable(html)
    installed, progress = ExampleApp.installed(), progress_notes()
    with (
        closed_network() as network,
        example(installed, Tools(), network, progress) as trial,
    ):
        progress(run_table.latency_model(LATENCY))
        scenarios = Scenarios(trial, progress)
        results = scenarios.run(_SHORT, _REPEATS if full else 1)
        results += [scenarios.storm()] if full else []
    progress("done")
    run = run_report.measured_run("example", results)
    if html is not None:
        write_page(html, run_page.page(run))
    emit(run.document(), as_json, lambda: show_table(run, wide))
