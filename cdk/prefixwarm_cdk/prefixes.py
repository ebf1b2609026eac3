"""Reads and checks the prefixes of a warmer at synth."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from aws_cdk import Annotations

from prefixwarm.amounts import tokens
from prefixwarm.errors import UsageError
from prefixwarm.prefix import prefix_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from constructs import IConstruct

    from prefixwarm.prefix.prefix_file import PrefixFile


_GEOGRAPHIES = ("global.", "us.", "us-gov.", "eu.", "apac.", "jp.", "au.", "ca.")
_WARNINGS = {
    "short": "has {size} tokens, and {model} caches from {minimum}; "
    "count them with `prefixwarm check`",
    "model": "prefixwarm has no prices of the model {model!r}, so it cannot tell if warming pays; "
    "check its name, or update prefixwarm and build the file again",
    "ttl": "some models on Bedrock's runtime grant 5 minutes instead of 1 hour; "
    "watch the metric WarmDowngraded",
    "twin": "holds the same prefix as {twin!r}, and both are warmed separately; "
    "give their functions one file",
    "profile": "the inference profile {model!r} spreads requests over regions, and each region "
    "has its own cache; an in-region model id ensures hits",
}


@dataclass(frozen=True, eq=False)
class Prefix:
    """A checked prefix file and its path."""

    path: Path
    file: PrefixFile

    @property
    def name(self) -> str:
        """The prefix's name."""
        return self.file.name

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hexadecimal: the address of its asset."""
        return sha256(self.path.read_bytes()).hexdigest()


def read(paths: Iterable[str | Path]) -> tuple[Prefix, ...]:
    """Read prefix files, sorted by name; a folder stands for all prefix files in it.

    Raises
    ------
    UsageError
        A file is missing or invalid, there is none, or two prefixes have the same name.
    """
    files = prefix_file.load_all(Path(path).resolve() for path in paths)
    if not files:
        raise UsageError("there is none; write prefix files with `prefixwarm capture`")
    return tuple(Prefix(path, file) for path, file in files.items())


def named(prefixes: Sequence[Prefix], names: Iterable[str] | None) -> tuple[Prefix, ...]:
    """Return the prefixes of those names; all if `names` is None.

    Raises
    ------
    UsageError
        A name is unknown; the message lists the names.
    """
    if names is None:
        return tuple(prefixes)
    by_name = {prefix.name: prefix for prefix in prefixes}
    wanted = sorted(set(names))
    unknown = [name for name in wanted if name not in by_name]
    if unknown or not wanted:
        raise UsageError(
            f"{unknown}: the warmer has no such prefix; write some of {', '.join(by_name)}"
        )
    return tuple(by_name[name] for name in wanted)


def annotate(scope: IConstruct, prefixes: Iterable[Prefix]) -> None:
    """Refuse a prefix that is too short to be cached, and warn if warming may be useless."""
    first: dict[tuple[str, ...], str] = {}
    for prefix in prefixes:
        _refuse_too_short(prefix)
        file = prefix.file
        twin = first.setdefault((file.route, file.model, file.fingerprint["prefix"]), file.name)
        warnings = _warnings(file, twin) | _captured(file)
        for topic, text in warnings.items():
            Annotations.of(scope).add_warning_v2(
                f"prefixwarm:{topic}:{prefix.name}", f"prefix {prefix.name}: {text}"
            )


def _captured(file: PrefixFile) -> dict[str, str]:
    """The findings of capture that keep the agent from reading the prefix."""
    return {
        problem["rule"]: f"{problem['place']}: {problem['message']}; then capture it again"
        for problem in reversed(file.findings)
    }


def _refuse_too_short(prefix: Prefix) -> None:
    counted, minimum = prefix.file.tokens.get("counted"), prefix.file.tokens.get("minimum")
    if counted is not None and minimum is not None and counted < minimum:
        raise UsageError(
            f"{prefix.path}: tokens: {tokens(counted)} is under the {tokens(minimum)} tokens from "
            f"which {prefix.file.model} caches; move the breakpoint further back or do not warm it"
        )


def _warnings(file: PrefixFile, twin: str) -> dict[str, str]:
    """Warnings that warming may be useless, by topic; `twin` is another file of this prefix."""
    applies = {
        "short": _may_be_too_short(file),
        "model": file.tokens.get("minimum") is None and file.prices is None,
        "twin": twin != file.name,
        "ttl": file.route in ("bedrock", "bedrock-converse") and file.ttl == "1h",
        "profile": file.model.rpartition("/")[2].startswith(_GEOGRAPHIES),
    }
    size = tokens(file.tokens.get("estimate"), estimated=True)
    minimum = tokens(file.tokens.get("minimum"))
    return {
        topic: _WARNINGS[topic].format(model=file.model, twin=twin, size=size, minimum=minimum)
        for topic, true in applies.items()
        if true
    }


def _may_be_too_short(file: PrefixFile) -> bool:
    estimate, minimum = file.tokens.get("estimate"), file.tokens.get("minimum")
    uncounted = file.tokens.get("counted") is None
    return uncounted and estimate is not None and minimum is not None and estimate < minimum
