"""`prefixwarm check`: find what keeps a prefix from being cached or read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.amounts import tokens
from prefixwarm.cli import finding_output
from prefixwarm.cli.aws_options import aws_account
from prefixwarm.cli.output import emit, finish, json_option, line, note, severity
from prefixwarm.cli.prefix_options import files_argument
from prefixwarm.cli.progress import progress
from prefixwarm.cli.request_files import read_request, write_request
from prefixwarm.cli.request_fixes import fixed_request
from prefixwarm.cli.sarif import as_sarif
from prefixwarm.errors import PrefixwarmError, ProviderError, UsageError
from prefixwarm.lint.file_rules import check as lint
from prefixwarm.lint.verdict import judge
from prefixwarm.prefix.prefix_file import load, prefix_files, rewrite
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.cli.request_files import Input
    from prefixwarm.lint.finding import Finding
    from prefixwarm.lint.verdict import Verdict
    from prefixwarm.prefix.prefix_file import PrefixFile


_SECONDS = 60.0


@dataclass(frozen=True)
class Checked:
    """One file, its findings, and the verdict on a real request."""

    path: Path
    findings: list[Finding]
    verdict: Verdict | None
    fixed: Sequence[str] = ()

    @property
    def all(self) -> list[Finding]:
        """Findings about the file and about the request."""
        return [*self.findings, *(self.verdict.findings if self.verdict else ())]


@click.command(epilog="Example: prefixwarm check support.prefix.json --request request.json")
@files_argument
@click.option(
    "--request",
    "request_file",
    type=click.Path(path_type=Path),
    help="A real request's JSON body: would it read the warmed prefix?",
)
@click.option(
    "--names",
    "names_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with one user name per line; a prefix may contain none of them.",
)
@click.option(
    "--count",
    is_flag=True,
    help="Let the provider count the tokens, and store the count in the file.",
)
@click.option(
    "--fix",
    is_flag=True,
    help="With --request: correct what has one right answer in the request; if it then reads "
    "the prefix, drop the errors that capture stored.",
)
@click.option("--strict", is_flag=True, help="Exit 1 for warnings too.")
@click.option("--sarif", is_flag=True, help="Print SARIF, for code scanning.")
@aws_account
@json_option
def check(
    files: tuple[Path, ...],
    request_file: Path | None,
    names_file: Path | None,
    count: bool,
    fix: bool,
    strict: bool,
    sarif: bool,
    as_json: bool,
) -> None:
    """Find what keeps a prefix from being cached or read.

    Exits 1 when there is an error.
    """
    if fix and not request_file:
        raise UsageError("--fix: give the request to correct with --request")
    names = _names(names_file) if names_file else []
    real = read_request(request_file) if request_file else None
    prefixes = [(path, load(path)) for path in prefix_files(files)]
    if count:
        prefixes = list(_counted(prefixes))
    fixed: list[str] = []
    if fix and real and request_file:
        real, fixed = _fix_request(request_file, real, prefixes)
    checked = [
        Checked(
            path,
            # Errors of the captured request do not apply to the one given now.
            lint(prefix, names=names, captured=real is None),
            judge(prefix, real.body, real.headers) if real else None,
            fixed,
        )
        for path, prefix in prefixes
    ]
    if fix:
        _drop_kept_errors(checked, prefixes)
    findings = [(result.path, finding) for result in checked for finding in result.all]
    as_document = {"files": [_document(result) for result in checked]}
    document = as_sarif(findings) if sarif else as_document
    emit(document, as_json or sarif, lambda: _show(checked))
    failing = ("error", "warning") if strict else ("error",)
    finish(ok=not any(finding.severity in failing for _, finding in findings))


def _fix_request(
    path: Path, real: Input, prefixes: Sequence[tuple[Path, PrefixFile]]
) -> tuple[Input, list[str]]:
    """Correct the request's file by the one prefix file; return the new request and the rules."""
    if len(prefixes) != 1:
        return real, []
    body, rules = fixed_request(real.body, prefixes[0][1])
    if not rules:
        return real, rules
    write_request(path, body)
    return replace(real, body=dict(body)), rules


def _drop_kept_errors(
    checked: Sequence[Checked], prefixes: Sequence[tuple[Path, PrefixFile]]
) -> None:
    for result, (path, prefix) in zip(checked, prefixes, strict=True):
        if prefix.findings and result.verdict and result.verdict.hit:
            rewrite(prefix.replace(findings=()), path)


def _names(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except ValueError as error:
        raise UsageError(f"{path}: is not UTF-8: {error}") from error
    return [line.strip() for line in lines if line.strip()]


def _counted(prefixes: Sequence[tuple[Path, PrefixFile]]) -> Iterator[tuple[Path, PrefixFile]]:
    from prefixwarm.cli.connections import connect
    from prefixwarm.lint.token_count import count_tokens

    with connect() as connections:
        provider = connections.provider
        for path, prefix in prefixes:
            try:
                with progress("counting the tokens at the provider"):
                    count = count_tokens(
                        prefix, provider, connections.environ, Deadline.after(_SECONDS)
                    )
            except ProviderError as error:
                raise PrefixwarmError(
                    f"{path}: the provider cannot count its tokens: {error}"
                ) from error
            counted = prefix.replace(tokens={**prefix.tokens, "counted": count})
            rewrite(counted, path)
            # Standard output may hold JSON or SARIF.
            estimate = tokens(prefix.tokens.get("estimate"), estimated=True)
            note(f"{path}: {tokens(count)} tokens counted, {estimate} estimated")
            yield path, counted


def _document(result: Checked) -> dict[str, Any]:
    document: dict[str, Any] = {
        "file": str(result.path),
        "findings": [finding_output.as_json(finding) for finding in result.findings],
    }
    if result.verdict is not None:
        drift = result.verdict.drift
        document["request"] = {
            "hit": result.verdict.hit,
            "drift": vars(drift) if drift else None,
            "findings": [finding_output.as_json(finding) for finding in result.verdict.findings],
            "fixed": list(result.fixed),
        }
    return document


def _show(checked: Sequence[Checked]) -> None:
    for result in checked:
        finding_output.show(result.all, result.path)
        if result.fixed:
            line(f"{result.path}: fixed in the request: {', '.join(result.fixed)}")
        if result.verdict is not None:
            label = severity("ok" if result.verdict.hit else "error")
            sentence = "would read the warmed prefix" if result.verdict.hit else "would not read it"
            line(f"{result.path}: ", label, f" the request {sentence}")
        elif not result.findings:
            line(f"{result.path}: ", severity("ok"))
