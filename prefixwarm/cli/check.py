"""`prefixwarm check`: what would keep a prefix from being cached or read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.capture import check as lint
from prefixwarm.capture import judge
from prefixwarm.cli import findings
from prefixwarm.cli.output import emit, finish, json_option, severity
from prefixwarm.cli.requests import read
from prefixwarm.core.prefix_file import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.capture import Verdict
    from prefixwarm.capture.finding import Finding
    from prefixwarm.core.prefix_file import PrefixFile

__all__ = ["check"]


@click.command(epilog="Example: prefixwarm check support.prefix.json --request request.json")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option(
    "--request",
    "request_file",
    type=click.Path(path_type=Path),
    help="A real request's body as JSON: would it read what is warmed?",
)
@click.option(
    "--names",
    "names_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with one user name per line; none may stand in a prefix.",
)
@click.option("--strict", is_flag=True, help="Exit 1 for warnings too, not for errors alone.")
@json_option
def check(
    files: tuple[Path, ...],
    request_file: Path | None,
    names_file: Path | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Find what would keep a prefix from being cached or read.

    Exits 1 when there is an error.
    """
    lines = names_file.read_text("utf-8").splitlines() if names_file else []
    names = [line.strip() for line in lines if line.strip()]
    prefixes = [(path, load(path)) for path in files]
    verdicts = _verdicts([prefix for _, prefix in prefixes], request_file)
    found = [lint(prefix, names=names) for _, prefix in prefixes]
    both = list(zip(files, found, verdicts, strict=True))
    emit({"files": [_document(*each) for each in both]}, as_json, lambda: _show(both))
    everything = [f for each in found for f in each]
    everything += [f for verdict in verdicts if verdict for f in verdict.findings]
    finish(ok=not any(f.severity in _failing(strict) for f in everything))


def _failing(strict: bool) -> tuple[str, ...]:
    return ("error", "warning") if strict else ("error",)


def _verdicts(
    prefixes: Sequence[PrefixFile], request_file: Path | None
) -> Sequence[Verdict | None]:
    if request_file is None:
        return [None] * len(prefixes)
    request, headers = read(request_file)
    return [judge(prefix, request, headers) for prefix in prefixes]


def _document(path: Path, found: Sequence[Finding], verdict: Verdict | None) -> dict[str, Any]:
    document: dict[str, Any] = {
        "file": str(path),
        "findings": [findings.as_json(each) for each in found],
    }
    if verdict is not None:
        document["request"] = {
            "hit": verdict.hit,
            "drift": vars(verdict.drift) if verdict.drift else None,
            "findings": [findings.as_json(each) for each in verdict.findings],
        }
    return document


def _show(each: Sequence[tuple[Path, Sequence[Finding], Verdict | None]]) -> None:
    for path, found, verdict in each:
        findings.show(found, path)
        if verdict is not None:
            findings.show(verdict.findings, path)
            word = severity("ok") if verdict.hit else severity("error")
            says = "would read the warmed prefix" if verdict.hit else "would not read it"
            click.echo(f"{path}: {word} the request {says}")
        elif not found:
            click.echo(f"{path}: {severity('ok')}")
