"""`prefixwarm try`: try the user's own CDK app on this machine."""

from __future__ import annotations

import json
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.amounts import dollars, tokens
from prefixwarm.cli.describe import span
from prefixwarm.cli.local_run import closed_network, progress_notes, show_table
from prefixwarm.cli.output import emit, json_option, line, wide_option
from prefixwarm.cli.page_files import html_option, refuse_unwritable, write_page
from prefixwarm.errors import UsageError
from prefixwarm.safe_text import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prefixwarm.local.measured_run import MeasuredRun, PrefixState, Scenario
    from prefixwarm.local.trial import Trial

_SCENARIOS = ("cold", "layer", "again", "redeployed", "later")
_QUESTION = "What can you do for me?"
_TEXT_FIELDS = ("message", "question", "prompt", "input", "query", "text")
_CHAT = [{"role": "user", "content": _QUESTION}]
# A question under the names that handlers usually read, in the event or in a request's body.
_ASKED = {**dict.fromkeys(_TEXT_FIELDS, _QUESTION), "messages": _CHAT}
_EVENT = {**_ASKED, "body": json.dumps(_ASKED)}


@click.command(
    "try", epilog="""Example: prefixwarm try --event '{"question": "Where is my order?"}'"""
)
@click.argument("folder", default=".", type=click.Path(path_type=Path))
@click.option("--app", "command", help="Command that synthesises, instead of cdk.json's.")
@click.option("-c", "--context", multiple=True, metavar="NAME=VALUE", help="For the CDK app.")
@click.option("--function", help="Id, name or path of the function, if several are attached.")
@click.option(
    "--event",
    "events",
    multiple=True,
    metavar="FILE|JSON",
    help="Event to invoke it with; repeatable, sent in turn. By default a question under the usual "
    "names.",
)
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME=VALUE",
    help="Value of a secret or parameter, by its name or its construct's id; repeatable. Others "
    "that the app refers to get a placeholder.",
)
@click.option(
    "--hours",
    type=click.FloatRange(0, 23),
    default=2.0,
    show_default=True,
    help="Hours to pass before the last start.",
)
@html_option
@wide_option
@json_option
def try_(
    folder: Path,
    command: str | None,
    context: tuple[str, ...],
    function: str | None,
    events: tuple[str, ...],
    secrets: tuple[str, ...],
    hours: float,
    html: Path | None,
    wide: bool,
    as_json: bool,
) -> None:
    """Try your own CDK app on this machine, with no account.

    Deploys the app in FOLDER with the CDK CLI to a local AWS API. Starts the function with
    prefixwarm attached in AWS's own Lambda emulator against a simulated provider: without the
    layer, with it, again, after a second deployment, and hours later. Then destroys everything.

    Nothing can reach AWS or a real provider: deployed code has only a loopback network. Changes
    nothing in FOLDER. Needs Linux.
    """
    from prefixwarm.local import run_page, run_report
    from prefixwarm.local.scenarios import Scenarios
    from prefixwarm.local.toolchain import Tools
    from prefixwarm.local.trial import TrialOptions, trial
    from prefixwarm.local.user_app import CdkApp

    refuse_unwritable(html)
    app = CdkApp.at(folder, command, _pairs("--context", context))
    parsed = tuple(event_of(text) for text in events) or (_EVENT,)
    options = TrialOptions(parsed, function, _pairs("--secret", secrets))
    progress = progress_notes()
    with (
        closed_network() as network,
        trial(app, options, Tools(), network, progress) as deployed,
        with_hints(deployed, events),
    ):
        results = Scenarios(deployed, progress, hours).run(_SCENARIOS)
        progress("destroying everything")
        left = deployed.destroy()
    progress("done" if not left else f"left over: {', '.join(left)}")
    run = run_report.measured_run(app.name, results)
    if html is not None:
        write_page(html, run_page.page(run))
    emit({**run.document(), "left": left}, as_json, lambda: _show(run, wide))


@contextmanager
def with_hints(deployed: Trial, events: Sequence[str]) -> Iterator[None]:
    """Where the function makes no model call: add what it ran with and the user has not chosen."""
    from prefixwarm.local.errors import NoModelCallError

    try:
        yield
    except NoModelCallError as error:
        raise NoModelCallError(str(error) + _hints(deployed.placeholders, events)) from error


def _hints(placeholders: Sequence[str], events: Sequence[str]) -> str:
    hints = [
        f"the value of {name} was a placeholder (--secret NAME=VALUE)" for name in placeholders
    ]
    if not events:
        hints.append("its event was a made-up question (--event FILE or JSON)")
    return "".join(f"; {hint}" for hint in hints)


def _pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            # The text may contain a secret.
            raise UsageError(f"{option}: write NAME=VALUE")
        pairs[name] = value
    return pairs


def event_of(text: str) -> Any:
    """Read an event: JSON, or a file with JSON."""
    try:
        path = Path(text)
        if path.is_file():
            return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        if not text.lstrip().startswith(("{", "[", '"')):
            raise UsageError(f"--event {quoted(text)}: cannot be read as JSON: {error}") from error
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"--event {quoted(text)}: is neither a file nor JSON: {error}") from error


def _show(run: MeasuredRun, wide: bool) -> None:
    show_table(run, wide)
    for scenario in run.scenarios:
        line()
        line(f"{scenario.name}: {scenario.title}")
        for pieces in lines_after(scenario):
            line(f"  {pieces}")


def lines_after(scenario: Scenario) -> Iterable[str]:
    """The warm states and prefixwarm's log."""
    last = scenario.rounds[-1]
    yield from (state_line(prefix) for prefix in last.prefixes)
    for logged, same in groupby(filter(None, map(log_line, last.log))):
        times = len(list(same))
        yield f"{logged} ({times} times)" if times > 1 else logged


def state_line(prefix: PrefixState) -> str:
    warm = f"warm for {span(prefix.seconds_left)}" if prefix.seconds_left else "cold"
    version = f"version {prefix.version}"
    # As billed; 0 before the first call.
    size = f"{tokens(prefix.tokens or None)} tokens"
    calls = f"warm calls: {prefix.calls} for {dollars(prefix.spent_usd)}"
    why = f"; {prefix.reason}" if prefix.reason else ""
    return f"{prefix.name} ({prefix.model}, {version}): {warm}, {size}, {calls}{why}"


def log_line(text: str) -> str:
    """Describe one log line; empty for a tick without a call."""
    document = json.loads(text)
    if "by" not in document:
        counts = (f"{count} {kind}" for kind, count in (document.get("outcomes") or {}).items())
        ticked = ", ".join(counts)
        return f"log of keepwarm: {ticked}" if ticked else ""
    fields = [document.get(name) for name in ("prefix", "outcome", "result", "reason", "decision")]
    held = document.get("held_ms")
    more = [f"held {held:g} ms"] if isinstance(held, (int, float)) else []
    return f"log of {document['by']}: " + ", ".join(
        [str(value) for value in fields if value] + more
    )
