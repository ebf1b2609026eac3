"""`prefixwarm demo`: the whole system on this machine."""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING

import click

from prefixwarm.cli.output import block, emit, json_option, note
from prefixwarm.cli.page_files import html_option, refuse_unwritable, write_page

if TYPE_CHECKING:
    from pathlib import Path


@click.command(epilog="Example: prefixwarm demo --json > demo.json")
@html_option
@json_option
def demo(html: Path | None, as_json: bool) -> None:
    """Show the same agent without and with prefixwarm, on this machine and with no account.

    Deploys the example agent and a warmer with the CDK CLI to a local AWS API, and starts them
    under AWS's own Lambda emulator against a simulated provider. Needs Linux and, the first time,
    the package indexes.
    """
    from prefixwarm.local import demo_table, run_page, run_report, scenarios
    from prefixwarm.local.setup import stack
    from prefixwarm.local.toolchain import Tools

    refuse_unwritable(html)
    started = time.monotonic()

    def progress(text: str) -> None:
        note(f"{time.monotonic() - started:6.1f} s  {text}")

    # A terminated demo takes its servers and environments with it, as an interrupted one does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with stack(Tools(), progress) as deployed:
        progress(demo_table.latency_model(run_report.provider_latency()))
        results = scenarios.run_all(deployed, progress)
    progress("done")
    run = run_report.measured_run("example", results)
    if html is not None:
        write_page(html, run_page.page(run))
    emit(run.document(), as_json, lambda: block(demo_table.as_table(run)))
