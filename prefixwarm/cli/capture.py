"""`prefixwarm capture`: write prefix files from an agent's real requests."""

from __future__ import annotations

import os
import re
import signal
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.amounts import dollars, tokens
from prefixwarm.capture.extract import Options, prefixes_from_requests
from prefixwarm.capture.prefix_names import Naming
from prefixwarm.capture.recording import record, run
from prefixwarm.cli import aws_profile, finding_output
from prefixwarm.cli.aws_options import aws_account
from prefixwarm.cli.inference_profiles import base_models
from prefixwarm.cli.output import emit, finish, json_option, line, note, table, wide_option
from prefixwarm.cli.prefix_options import out_option, placeholder_option
from prefixwarm.cli.progress import progress, progress_lines
from prefixwarm.errors import (
    PrefixFileError,
    PrefixwarmError,
    UnwarmableRequestError,
    UsageError,
)
from prefixwarm.fields.parameters import TIERS
from prefixwarm.prefix.prefix_file import SUFFIX, find, load, rewrite
from prefixwarm.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.capture.captured_request import CapturedRequest, OtherRequest
    from prefixwarm.capture.extract import Extracted
    from prefixwarm.capture.recording import Recording
    from prefixwarm.prefix.prefix_file import PrefixFile

    # With its file's path, and what changed since the previous version.
    Written = tuple[Extracted, PrefixFile, Path, str]


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: prefixwarm capture --out prefixes --name support -- python agent.py 'hello'",
)
@out_option
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="NAME[=TEXT]",
    help="Name of the prefix; with =TEXT, of the agent whose tools or system prompt contain TEXT "
    "(repeatable). By default the name in the agent's earlier file, or its script's name.",
)
@click.option(
    "--ttl",
    type=click.Choice(["5m", "1h"]),
    default="1h",
    show_default=True,
    help="TTL that warm calls request.",
)
@click.option(
    "--model",
    help="The model behind an application inference profile; by default AWS is asked, if allowed.",
)
@placeholder_option
@click.option(
    "--forward",
    is_flag=True,
    help="Let the provider answer and bill; by default the simulator answers.",
)
@wide_option
@json_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@aws_account
def capture(
    out: Path,
    names: tuple[str, ...],
    ttl: str,
    model: str | None,
    placeholders: tuple[str, ...],
    forward: bool,
    wide: bool,
    as_json: bool,
    command: tuple[str, ...],
) -> None:
    """Write prefix files from an agent's real requests.

    Runs COMMAND and records its model traffic through an endpoint on this machine. Make it send
    several different requests: the prefix is what they share. The agent's output goes to standard
    error. Exits 1 on an error, which the file then contains.
    """
    naming = _naming(names, out, command)
    environ = aws_profile.located()
    keys = aws_profile.credentials(environ) if forward else None
    with record(forward=forward, environ=environ, credentials=keys) as recording:
        with progress_lines("the agent is running", lambda: _count(len(recording.requests))):
            code = run(command, recording, output=sys.stderr)
        requests = recording.requests
    if code in _INTERRUPTED:
        # The agent has received it already.
        raise KeyboardInterrupt
    _refuse_nothing(recording, code)
    with progress("comparing what the agent has sent"):
        models = (one.model for one in requests)
        behind = base_models(models, chosen=model, files=naming.files, environ=environ)
        options = Options(ttl, placeholders, behind)
        agents = prefixes_from_requests(requests, name=naming, options=options)
    _refuse_unwarmable(agents)
    written = [(a, a.prefix, *write_prefix(a.prefix, out)) for a in agents if a.prefix]
    unwarmable = [agent for agent in agents if agent.prefix is None]
    ok = code == 0 and not any(one.severity == "error" for a in agents for one in a.findings)
    document = _document(written, unwarmable, code, ok)
    emit(document, as_json, lambda: show(written, unwarmable, wide))
    if code:
        note(f"prefixwarm: the agent ended with exit code {code}")
    finish(ok=ok)


_TIER_COLUMNS = tuple(tier.upper() for tier in TIERS)
# Exit codes of an interrupted process: the signal's, and the shells' form of it.
_INTERRUPTED = (-signal.SIGINT, 128 + signal.SIGINT)


def _count(requests: int) -> str:
    return f"{requests} model call{'' if requests == 1 else 's'} so far"


def _naming(names: Sequence[str], folder: Path, command: Sequence[str]) -> Naming:
    """Choose the files' names; refuse unusable names and folders before the agent runs."""
    texts = {name: text for name, is_text, text in (n.partition("=") for n in names) if is_text}
    plain = [name for name in names if "=" not in name]
    if len(plain) > 1:
        raise UsageError(
            f"--name {plain[1]}: is a second name; write --name NAME=TEXT for each agent"
        )
    for name in (*plain, *texts):
        if not re.fullmatch(r"[a-z0-9-]{1,64}", name):
            raise UsageError(f"--name {name!r}: use 1 to 64 of a-z, 0-9 and -")
    _refuse_place(folder)
    base = plain[0] if plain else _name_of(command)
    return Naming(base, bool(plain), texts, list(filter(None, map(_read, find(folder)))))


def _read(path: Path) -> PrefixFile | None:
    """The prefix file there, if it can be read."""
    try:
        return load(path)
    except PrefixFileError:
        return None


def _refuse_place(folder: Path) -> None:
    existing = next(
        parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists()
    )
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise UsageError(f"--out {folder}: {existing} is not a writable folder")


def _name_of(command: Sequence[str]) -> str:
    """A name from the agent's script, or its program."""
    script = next(
        (argument for argument in command if re.search(r"\.(py|js|mjs|ts|sh)$", argument)),
        command[0],
    )
    name = re.sub(r"[^a-z0-9]+", "-", Path(script).stem.lower()).strip("-")
    return name[:48] or "agent"


def _refuse_nothing(recording: Recording, code: int) -> None:
    """Refuse a recording without a usable request, with the most likely reason."""
    requests, others = recording.requests, recording.others
    ended = f"; it ended with exit code {code}" if code else ""
    if not requests and others:
        seen = dict.fromkeys(f"{o.method} {printable(o.path, 100)}{_answer(o)}" for o in others)
        raise PrefixwarmError(
            f"the agent sent no Messages request, only {'; '.join([*seen][:3])}{ended}"
        )
    if not requests:
        raise PrefixwarmError(
            f"no model request of the agent arrived{ended}. Does it set its own base URL? It must "
            "use ANTHROPIC_BASE_URL (or its route's variable). If a framework has a fixed address "
            "(a model named by a string, as in Mastra), give it a provider with "
            "baseURL: process.env.ANTHROPIC_BASE_URL"
        )
    refused = [request for request in requests if not request.answered]
    if len(refused) == len(requests):
        raise PrefixwarmError(f"every request was refused{_answer(refused[-1])}")
    if refused:
        note(
            f"prefixwarm: {len(refused)} of {len(requests)} requests refused{_answer(refused[-1])}"
        )


def _answer(request: CapturedRequest | OtherRequest) -> str:
    """The provider's answer, as the end of a sentence."""
    status = f"HTTP {request.status}" if request.status else "connection lost"
    return f": {': '.join(filter(None, (status, request.refusal)))}"


def _refuse_unwarmable(agents: Sequence[Extracted]) -> None:
    if any(agent.prefix for agent in agents):
        return
    finding = agents[0].findings[0]
    raise UnwarmableRequestError(finding.place, finding.message)


def write_prefix(prefix: PrefixFile, folder: Path) -> tuple[Path, str]:
    """Write the file; return its path and what changed since the previous version."""
    place = _place(prefix.name, folder)
    is_new, file = not place.exists(), _read(place)
    before = file.fingerprint if file else {}
    path = rewrite(prefix, place)
    if is_new:
        return path, "new"
    if before.get("prefix") == prefix.fingerprint["prefix"]:
        return path, "unchanged"
    tiers = [t for t in TIERS if before.get(t) != prefix.fingerprint[t]]
    return path, f"changed: {', '.join(tiers) or 'shape'}"


def _place(name: str, folder: Path) -> Path:
    """The file that holds the prefix of this name, however it is called; else one for it."""
    usual = folder / f"{name}{SUFFIX}"
    names = {path: _name_in(path) for path in find(folder)}
    if names.get(usual, name) == name:
        renamed = [path for path, inside in names.items() if inside == name]
        return usual if usual in names or len(renamed) != 1 else renamed[0]
    # Another prefix's file was given this name.
    free = (folder / f"{name}-{number}{SUFFIX}" for number in count(2))
    return next(path for path in free if names.get(path, name) == name)


def _name_in(path: Path) -> str:
    """The name of the prefix in a file; of one that cannot be read, the file's."""
    file = _read(path)
    return file.name if file else path.name.removesuffix(SUFFIX)


def _document(
    written: Sequence[Written], unwarmable: Sequence[Extracted], code: int, ok: bool
) -> dict[str, Any]:
    return {
        "prefixes": [
            {
                "name": agent.name,
                "file": str(path),
                "change": change,
                "route": agent.requests[0].route,
                "model": agent.requests[0].model,
                "requests": len(agent.requests),
                "conversations": agent.shared.conversations if agent.shared else None,
                "tokens": prefix.tokens,
                "tokens_by_tier": agent.tokens_by_tier,
                "fingerprint": prefix.fingerprint,
                "lost_tokens": agent.shared.lost_tokens if agent.shared else None,
                "saving_usd_per_1000_requests": agent.saving_usd,
                "findings": [finding_output.as_json(finding) for finding in agent.findings],
            }
            for agent, prefix, path, change in written
        ],
        "unwarmable": [
            {
                "model": agent.requests[0].model,
                "findings": [finding_output.as_json(finding) for finding in agent.findings],
            }
            for agent in unwarmable
        ],
        "agent_exit_code": code,
        "exit_code": 0 if ok else 1,
    }


def show(written: Sequence[Written], unwarmable: Sequence[Extracted], wide: bool) -> None:
    table(
        [
            {
                "FILE": path,
                "MODEL": agent.requests[0].model,
                "ROUTE": agent.requests[0].route,
                "REQUESTS": len(agent.requests),
                "TOKENS": tokens(prefix.tokens["estimate"], estimated=True),
                **{
                    tier.upper(): tokens(count, estimated=True)
                    for tier, count in agent.tokens_by_tier.items()
                },
                "MINIMUM": tokens(prefix.tokens["minimum"]),
                "CHANGE": change,
            }
            for agent, prefix, path, change in written
        ],
        optional=(("ROUTE",), _TIER_COLUMNS, ("REQUESTS",), ("MINIMUM",), ("MODEL",)),
        wide=wide,
    )
    for agent, *_ in written:
        finding_output.show(agent.findings, agent.name)
        _show_saving(agent)
    for agent in unwarmable:
        finding_output.show(agent.findings, agent.requests[0].model)


def _show_saving(agent: Extracted) -> None:
    if agent.shared and agent.shared.lost_tokens:
        lost_tokens = tokens(agent.shared.lost_tokens, estimated=True)
        saving = dollars(agent.saving_usd)
        line(
            f"{agent.name}: {lost_tokens} tokens after that are not shared; sharing them "
            f"would save up to {saving} per 1,000 requests"
        )
