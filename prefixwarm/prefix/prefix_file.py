"""Builds and checks prefix files (`NAME.prefix.json`): one prefix's exact warm request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import PrefixFileError, UsageError
from prefixwarm.prefix.body import as_messages, markers, without_placeholder
from prefixwarm.prefix.file_form import FORMAT as FORMAT
from prefixwarm.prefix.file_form import MAX_BYTES as MAX_BYTES
from prefixwarm.prefix.file_form import (
    MISSING,
    checked_form,
    error_in,
    parse_document,
    read_document,
    refuse_oversize,
)
from prefixwarm.prefix.file_form import NEWER_FORMAT as NEWER_FORMAT
from prefixwarm.prefix.file_form import SUFFIX as SUFFIX
from prefixwarm.prefix.file_form import PrefixFile as PrefixFile
from prefixwarm.prefix.file_form import dumps as dumps
from prefixwarm.prefix.file_form import find as find
from prefixwarm.prefix.file_form import rewrite as rewrite
from prefixwarm.prefix.file_form import write as write
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.prefix.request_checks import problems

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence


def build(
    name: str,
    request: dict[str, Any],
    *,
    route: str = "anthropic",
    headers: Mapping[str, str] | None = None,
    tokens: Mapping[str, int | None] | None = None,
    prices: dict[str, Any] | None = None,
    base_model: str | None = None,
    placeholders: Sequence[str] = (),
) -> PrefixFile:
    """Build and check the prefix file of a warm request; see `Prompt.warm_request`.

    Raises
    ------
    PrefixFileError
        The result would not be a valid prefix file.
    """
    cache_headers = dict(headers or {})
    marked = next((block for _, block in markers(request)), None)
    document = {
        "format": FORMAT,
        "name": name,
        "route": route,
        "model": as_messages(request).get("model"),
        "ttl": marked["cache_control"].get("ttl", "5m") if marked else None,
        "headers": cache_headers,
        "request": request,
        "fingerprint": Prompt(without_placeholder(request), cache_headers, route).fingerprint(),
        "tokens": {"estimate": estimate_tokens(request, base_model)}
        | dict.fromkeys(("counted", "minimum"))
        | dict(tokens or {}),
        "prices": prices,
    }
    newer = {"base_model": base_model, "placeholders": list(placeholders)}
    document |= {name: value for name, value in newer.items() if value}
    document["format"] = NEWER_FORMAT if any(newer.values()) else FORMAT
    source = f"{name}{SUFFIX}"
    built = _checked(checked_form(document, source), source)
    refuse_oversize(source, len(dumps(built).encode()))
    return built


def estimate_tokens(request: Mapping[str, Any], base_model: str | None = None) -> int:
    """Estimate the tokens of a warm request's prefix.

    `base_model` is the model behind an application inference profile.
    """
    return Prompt(without_placeholder(request)).tokens(base_model)


def load(path: str | os.PathLike[str]) -> PrefixFile:
    """Read and check a prefix file.

    Raises
    ------
    PrefixFileError
        The message names the file, the field and what to do.
    """
    return _checked(read_document(path), str(path))


def load_all(paths: Iterable[str | os.PathLike[str]]) -> dict[Path, PrefixFile]:
    """Read prefix files, sorted by name; a folder stands for all prefix files in it.

    A file may have any name; the prefix's name is inside it.

    Raises
    ------
    UsageError
        A path does not exist, a folder has no prefix file, or two prefixes have the same name.
    PrefixFileError
        A file is invalid.
    """
    files = sorted(prefix_files(paths))
    by_name: dict[str, tuple[Path, PrefixFile]] = {}
    for path in files:
        prefix = load(path)
        other, _ = by_name.setdefault(prefix.name, (path, prefix))
        if other != path:
            raise UsageError(
                f"prefixes: {other} and {path} are both named {prefix.name!r}; "
                'give one another "name"'
            )
    return {path: prefix for _, (path, prefix) in sorted(by_name.items())}


def prefix_files(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return each path once, a folder's prefix files in place of the folder.

    Raises
    ------
    UsageError
        A path does not exist, or a folder has no prefix file.
    """
    return list(dict.fromkeys(file for path in paths for file in _files(Path(path))))


def _files(path: Path) -> Sequence[Path]:
    if not path.exists():
        raise UsageError(f"{path}: {MISSING}")
    if not path.is_dir():
        return [path]
    files = find(path)
    if not files:
        raise UsageError(f"{path}: has no *{SUFFIX} file")
    return files


def loads(text: str | bytes, source: str = "prefix file") -> PrefixFile:
    """Check a prefix file's text; `source` names it in errors."""
    return _checked(parse_document(text, source), source)


def _checked(document: dict[str, Any], source: str) -> PrefixFile:
    try:
        field, problem = next(problems(document), ("", ""))
    except RecursionError as error:
        raise PrefixFileError(source, "", "is nested too deeply; build it again") from error
    if problem:
        raise error_in(source, field, problem)
    return PrefixFile(**document)
