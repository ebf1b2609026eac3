"""Reads and writes prefix files (`NAME.prefix.json`), checking their form but not the request.

That suffices for deployed files and needs no table of fields; elsewhere `prefix_file` also checks
the request.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from prefixwarm.errors import PrefixFileError, SettingsError
from prefixwarm.life import PRICE_CATEGORIES, TTL_SECONDS
from prefixwarm.prefix import credential_text
from prefixwarm.prefix.body import (
    MAX_BREAKPOINTS,
    as_messages,
    is_converse,
    markers,
    place_of,
    walk,
)
from prefixwarm.prefix.nesting import too_deep
from prefixwarm.provider.routes import CONVERSE, Route, route_named
from prefixwarm.safe_text import printable
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


FORMAT = "prefixwarm/1"
# Adds fields to the first format; a file without them is still written in the first.
NEWER_FORMAT = "prefixwarm/2"
SUFFIX = ".prefix.json"
MAX_BYTES = 6 * 1024 * 1024
# Said of a path where nothing is.
MISSING = "does not exist; write it with `prefixwarm capture`"

_NAME = re.compile(r"[a-z0-9-]{1,64}")
_FIELDS = (
    "format",
    "name",
    "route",
    "model",
    "ttl",
    "headers",
    "request",
    "fingerprint",
    "tokens",
    "prices",
)
_NEWER_FIELDS = ("base_model", "placeholders", "findings")
_FINDING = {"rule", "place", "message"}


class PrefixFile(Record):
    """A validated prefix file.

    Parameters
    ----------
    name
        ``[a-z0-9-]{1,64}``.
    route
        ``anthropic``, ``aws``, ``bedrock-mantle``, ``bedrock`` or ``bedrock-converse``.
    model
        Model id as the agent sends it.
    ttl
        ``5m`` or ``1h``.
    headers
        Headers that shape the prompt: ``anthropic-version``, ``anthropic-beta``.
    request
        The warm request, in its original key order.
    fingerprint
        ``tools``, ``system``, ``messages``, ``prefix``.
    tokens
        ``estimate``, ``counted`` and ``minimum``, in tokens or None.
    prices
        ``as_of``, ``source`` and ``usd_per_mtok``, or None if unknown.
    base_model
        The id of the model behind an application inference profile; None elsewhere.
    placeholders
        Texts in the request that look like credentials but are not.
    findings
        What capture found that keeps the agent from reading the prefix: objects of ``rule``,
        ``place`` and ``message``.
    """

    name: str
    route: str
    model: str
    ttl: str
    headers: dict[str, str]
    request: dict[str, Any]
    fingerprint: dict[str, str]
    tokens: dict[str, int | None]
    prices: dict[str, Any] | None = None
    base_model: str | None = None
    placeholders: tuple[str, ...] | list[str] = ()
    findings: tuple[dict[str, str], ...] | list[dict[str, str]] = ()

    @property
    def priced_model(self) -> str:
        """The model whose price and minimum apply."""
        return self.base_model or self.model

    @property
    def usd_per_mtok(self) -> dict[str, float | None]:
        """Prices in US dollars per million tokens; empty when unknown."""
        return (self.prices or {}).get("usd_per_mtok") or {}


def read(path: str | os.PathLike[str]) -> PrefixFile:
    """Read a prefix file that was checked when it was deployed.

    Raises
    ------
    PrefixFileError
        The message names the file, the field and what to do.
    """
    return PrefixFile(**read_document(path))


def reads(text: str | bytes, source: str = "prefix file") -> PrefixFile:
    """Read a prefix file's text; see `read`. `source` names the file in errors."""
    return PrefixFile(**parse_document(text, source))


def read_document(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The fields of a prefix file with a valid form; see `read`."""
    source = Path(path)
    try:
        with source.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
            size = max(len(text), os.fstat(file.fileno()).st_size)
    except FileNotFoundError as error:
        raise PrefixFileError(source, "", MISSING) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PrefixFileError(source, "", f"cannot be read: {reason}") from error
    refuse_oversize(source, size)
    return parse_document(text, str(source))


def parse_document(text: str | bytes, source: str) -> dict[str, Any]:
    """The fields of a prefix file's text; see `reads`."""
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    refuse_oversize(source, len(data))
    try:
        document = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
        if too_deep(document):
            raise RecursionError
        return checked_form(document, source)
    except RecursionError as error:
        raise PrefixFileError(source, "", "is nested too deeply; build it again") from error
    except ValueError as error:
        raise PrefixFileError(
            source, "", f"is not JSON ({error}); it may be cut short: build it again"
        ) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number")


def refuse_oversize(source: object, size: int) -> None:
    """Raise PrefixFileError if a file is larger than `MAX_BYTES`."""
    if size > MAX_BYTES:
        raise PrefixFileError(
            source, "", f"has {size} bytes; a prefix file has at most {MAX_BYTES}"
        )


def dumps(prefix: PrefixFile) -> str:
    """Return the file's text, in the original key order."""
    newer = {name: getattr(prefix, name) for name in _NEWER_FIELDS if getattr(prefix, name)}
    document = {"format": NEWER_FORMAT if newer else FORMAT}
    document |= {name: getattr(prefix, name) for name in _FIELDS[1:]} | newer
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def write(prefix: PrefixFile, folder: str | os.PathLike[str]) -> Path:
    """Write the file into a folder, under the prefix's name, as `rewrite` does; return its path."""
    return rewrite(prefix, Path(folder) / (prefix.name + SUFFIX))


def rewrite(prefix: PrefixFile, target: Path) -> Path:
    """Write the file atomically to a path of any name, and return it.

    A new file is readable only by its owner, because it holds prompts; a replaced file keeps its
    mode.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(dumps(prefix))
        if target.exists():
            unfinished.chmod(target.stat().st_mode & 0o777)
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def find(folder: str | os.PathLike[str]) -> list[Path]:
    """The prefix files in a folder, sorted by name."""
    return sorted(Path(folder).glob(f"*{SUFFIX}"))


def checked_form(document: object, source: str) -> dict[str, Any]:
    """Return the fields of a parsed prefix file after checking its form.

    Raises
    ------
    PrefixFileError
        The message names the field and what to do.
    """
    if not isinstance(document, dict):
        raise error_in(source, "", "is not a JSON object; build it with `prefixwarm capture`")
    if "format" not in document:
        raise error_in(source, "format", "is missing; build it with `prefixwarm capture`")
    if (file_format := document["format"]) not in (FORMAT, NEWER_FORMAT):
        readable = f"{FORMAT!r} and {NEWER_FORMAT!r}"
        raise error_in(source, "format", f"{file_format!r}: this version reads {readable} only")
    fields = _FIELDS if document["format"] == FORMAT else (*_FIELDS, *_NEWER_FIELDS)
    for name in document:
        if name not in fields:
            raise error_in(source, name, f"is not a field; the fields are {', '.join(fields)}")
    for field, problem in _problems(document):
        raise error_in(source, field, problem)
    newer = {name: document[name] for name in _NEWER_FIELDS if name in document}
    return {name: document.get(name) for name in _FIELDS[1:]} | newer


def error_in(source: str, field: str, problem: str) -> PrefixFileError:
    """An error about a file, with printable text."""
    return PrefixFileError(source, printable(field, 100), printable(problem, 300))


def _problems(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield problems, basic ones first; later checks rely on earlier ones."""
    yield from _shape_problems(document)
    yield from _text_problems(document)
    route = _known_route(document["route"])
    if route is None:
        yield "route", f"{document['route']!r} is unknown"
        return
    yield from _header_problems(document["headers"], route)
    yield from _request_problems(document)
    yield from credential_text.problems(
        document["request"], "request", document.get("placeholders", ())
    )
    yield from _price_problems(document.get("prices"))


def _shape_problems(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    kinds: dict[str, type] = dict.fromkeys(("name", "route", "model", "ttl"), str)
    kinds |= dict.fromkeys(("headers", "request", "fingerprint", "tokens"), dict)
    for name, kind in kinds.items():
        if not isinstance(document.get(name), kind):
            yield name, f"is missing or not {'text' if kind is str else 'an object'}"
    if not _NAME.fullmatch(document["name"]):
        yield "name", f"{document['name']!r}: use 1 to 64 of a-z, 0-9 and -"
    fingerprint = document["fingerprint"]
    if "prefix" not in fingerprint or not all(isinstance(v, str) for v in fingerprint.values()):
        yield "fingerprint", "must hold a text for each tier and for the prefix"
    yield from _newer_problems(document)
    if document["ttl"] not in TTL_SECONDS:
        yield "ttl", f"{document['ttl']!r}: write 5m or 1h"
    for name, value in document["tokens"].items():
        if value is not None and (type(value) is not int or not 0 <= value < 2**53):
            yield f"tokens.{name}", "must be a whole number or null"


def _newer_problems(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not isinstance(document.get("base_model", ""), str):
        yield "base_model", "is not text"
    for name, kind in {"placeholders": str, "findings": dict}.items():
        values = document.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, kind) for value in values):
            yield name, f"must be a list of {'texts' if kind is str else 'objects'}"
    for i, finding in enumerate(document.get("findings", [])):
        if set(finding) != _FINDING or not all(isinstance(v, str) for v in finding.values()):
            yield f"findings[{i}]", "must hold rule, place and message, all of them text"


def _text_problems(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    try:
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        yield "", "holds a lone surrogate (half of a character), which no request can carry"
    except ValueError:
        yield "", "holds a number that is too large"


def _known_route(name: str) -> Route | None:
    try:
        return route_named(name)
    except SettingsError:
        return None


def _header_problems(headers: dict[str, Any], route: Route) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        if name not in route.allowed_headers:
            allowed = ", ".join(route.allowed_headers) or "none"
            yield f"headers.{name}", f"is not allowed on the route {route.name}; allowed: {allowed}"
        text = isinstance(value, str) and value.isascii() and value.isprintable()
        if not text or credential_text.KEY.search(value):
            yield f"headers.{name}", "must be one line of ASCII text that holds no key"
    version = headers.get("anthropic-version")
    if "anthropic-version" in route.allowed_headers and version not in route.versions:
        yield "headers.anthropic-version", f"{version!r}: write one of {', '.join(route.versions)}"


def _request_problems(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    request = document["request"]
    if is_converse(request) != (document["route"] == CONVERSE):
        form = "a Converse" if is_converse(request) else "a Messages"
        yield "request", f"is {form} body, which the route {document['route']} does not take"
    view = as_messages(request)
    for tier, problem in _tier_problems(view):
        yield f"request.{place_of(tier, request)}", problem
    if view.get("model") != document["model"]:
        yield "model", f"{document['model']!r} is not the request's model {view.get('model')!r}"
    yield from _limit_problems(request)
    for name in ("stream", "cache_control"):
        if name in request:
            yield f"request.{name}", "does not belong in a warm request; build the file again"
    yield from _breakpoint_problems(request, document["ttl"])


def _limit_problems(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    max_tokens, least = request.get("max_tokens"), 0
    if is_converse(request):
        config = request.get("inferenceConfig")
        max_tokens, least = config.get("maxTokens") if isinstance(config, dict) else None, 1
    if type(max_tokens) is not int or not least <= max_tokens <= 1:
        place = place_of("max_tokens", request)
        yield f"request.{place}", f"{max_tokens!r}: a warm request has {least}"


def _tier_problems(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not isinstance(request.get("model"), str) or not request["model"]:
        yield "model", "is missing or not a str"
    for tier in ("tools", "system", "messages"):
        blocks = request.get(tier, [])
        if tier == "system" and isinstance(blocks, str):
            continue
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            yield tier, "must be a list of objects"
    for i, message in enumerate(request.get("messages", [])):
        content = message.get("content")
        if isinstance(content, list) and not all(isinstance(block, dict) for block in content):
            yield f"messages[{i}].content", "must be text or a list of objects"
    last = (request.get("messages") or [{}])[-1]
    if last.get("role") != "user" or not last.get("content"):
        yield "messages", "must end with the placeholder, a user message"


def _breakpoint_problems(request: dict[str, Any], ttl: str) -> Iterator[tuple[str, str]]:
    marked = list(markers(request))
    *_, (_, placeholder, _, _) = walk(request)
    named = ("cachePoint", "default") if is_converse(request) else ("cache_control", "ephemeral")
    if not marked:
        yield "request", "has no breakpoint: nothing would be cached"
    if len(marked) > MAX_BREAKPOINTS:
        yield "request", f"has {len(marked)} breakpoints; the provider takes {MAX_BREAKPOINTS}"
    for place, block in marked:
        if place == placeholder:
            yield f"request.{place}", "a breakpoint on the placeholder is never read again"
        if block["cache_control"] != {"type": "ephemeral", "ttl": ttl}:
            yield f"request.{place}.{named[0]}", f"must be {named[1]} with the ttl {ttl}"


def _price_problems(prices: object) -> Iterator[tuple[str, str]]:
    if prices is None:
        return
    table = prices.get("usd_per_mtok") if isinstance(prices, dict) else None
    if not isinstance(table, dict):
        yield "prices.usd_per_mtok", "must be an object; if unknown, prices must be null"
        return
    for name, value in table.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if name not in PRICE_CATEGORIES or not (value is None or (number and 0 <= value < 1e6)):
            yield f"prices.usd_per_mtok.{name}", "must be US dollars per million tokens or null"
