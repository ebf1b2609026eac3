"""The bytes of a warm call, compiled before deployment.

`NAME.warm` is stored next to `NAME.prefix.json`: one line of JSON that says where to send the
bytes, then the bytes. The init phase neither parses nor serialises the prompt.
"""

from __future__ import annotations

import os

from prefixwarm.errors import PrefixFileError
from prefixwarm.life import TTL_SECONDS, TTL_WORDS
from prefixwarm.provider.routes import CONVERSE, INVOKE_MODEL_VERSION, route_named
from prefixwarm.state.model import entry_key
from prefixwarm.wire.accelerated import dumps, loads
from prefixwarm.wire.record import Record
from prefixwarm.wire.request_body import FileBody, whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from prefixwarm.prefix.file_form import PrefixFile


FORMAT = "prefixwarm-warm/1"
SUFFIX = ".warm"
# A prefix file has at most 6 MB, so anything larger was not compiled from one.
MAX_BYTES = 8 * 1024 * 1024
# The limit of the first line: names, headers, prices, and the places of breakpoints.
_LONGEST_HEAD = 256 * 1024
_KIND_OF_FILE, _REGULAR = 0o170000, 0o100000

_MAX_TOKENS = b'"max_tokens":'
_CONVERSE_MAX_TOKENS = b'"maxTokens":'
# Both have the same length, so one can replace the other in place.
_TTLS = {seconds: ttl.encode() for seconds, ttl in TTL_WORDS.items()}
_DIAGNOSTICS = b'{"diagnostics":{"previous_message_id":null},'
# Lone surrogates: no text that can be sent holds them, so they occur nowhere else in the body.
_HOLE = "\udcff\udcff"
_KINDS = {
    **dict.fromkeys(("name", "route", "model", "fingerprint"), str),
    **dict.fromkeys(("ttl", "max_tokens_at"), int),
    **dict.fromkeys(("headers", "usd_per_mtok"), dict),
    "ttl_at": list,
}


class WarmCall(Record):
    """One warm call, ready to send except for authentication.

    `ttl` is in seconds, and `ttl_at` holds its offsets in `body`, one per breakpoint;
    `max_tokens_at` is the offset of the digit after ``max_tokens``; `fingerprint` covers the whole
    prefix. A `body` in a file is read when it is sent.
    """

    name: str
    route: str
    model: str
    ttl: int
    headers: dict[str, str]
    fingerprint: str
    usd_per_mtok: dict[str, float | None]
    tokens: int | None
    max_tokens_at: int
    ttl_at: list[int]
    body: bytes | FileBody

    def with_ttl(self, seconds: int) -> WarmCall:
        """The same call with 300 or 3600 seconds as the TTL of all breakpoints."""
        if seconds == self.ttl:
            return self
        patches = dict.fromkeys(self.ttl_at, _TTLS[seconds])
        return self.replace(ttl=seconds, body=_patched(self.body, patches))

    def billed(self, tokens: int) -> WarmCall:
        """The same call with the billed size; 0 keeps the file's value."""
        return self.replace(tokens=tokens) if tokens else self

    def usd(self, price: str) -> float | None:
        """The US dollars of the whole prefix at one of its prices; None if unknown."""
        per_mtok = self.usd_per_mtok.get(price)
        return None if per_mtok is None or self.tokens is None else per_mtok * self.tokens / 1e6

    @property
    def least_tokens(self) -> int:
        """The fewest output tokens the call can request: 0, or 1 if 0 is refused."""
        return int(_part(self.body, self.max_tokens_at, 1))

    def with_max_tokens(self, count: int) -> bytes | FileBody:
        """The body with 0 or 1 as its output limit."""
        return _patched(self.body, {self.max_tokens_at: str(count).encode()})

    def opted_in(self, count: int) -> bytes | FileBody:
        """The same body with the provider's cache diagnostics requested.

        The field is not part of the prompt, so the cache entry stays the same.
        """
        body = self.with_max_tokens(count)
        if isinstance(body, FileBody):
            return body.behind(_DIAGNOSTICS, 1)
        return _DIAGNOSTICS + body[1:]

    def key(self, scope: str, environ: Mapping[str, str]) -> str:
        """The key of this prefix's warm state for callers in this environment."""
        return state_key(self.route, scope, environ, self.name, self.model, self.fingerprint)

    def to_bytes(self) -> bytes:
        """The contents of `NAME.warm`."""
        head = {name: getattr(self, name) for name in self._fields if name != "body"}
        line = dumps({"format": FORMAT, "size": len(self.body), **head})
        return line + b"\n" + whole(self.body)

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> WarmCall:
        """Read a call from the contents of `NAME.warm`.

        Raises
        ------
        PrefixFileError
            It is empty, cut short, or has another version.
        """
        line, _, body = data.partition(b"\n")
        return cls._of(line, body, source)

    @classmethod
    def from_file(cls, path: str) -> WarmCall:
        """Read a call from `NAME.warm`, leaving its body in the file until it is sent.

        Raises
        ------
        PrefixFileError
            It cannot be read, is larger than 8 MiB, empty, cut short, or has another version.
        FileNotFoundError
            The file does not exist.
        """
        try:
            status = os.stat(path)
            if status.st_mode & _KIND_OF_FILE != _REGULAR:
                raise PrefixFileError(path, "", "is not a regular file")
            if status.st_size > MAX_BYTES:
                problem = f"is larger than {MAX_BYTES} bytes; build it again"
                raise PrefixFileError(path, "", problem)
            with open(path, "rb") as file:
                line = file.readline(_LONGEST_HEAD)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise PrefixFileError(path, "", f"cannot be read: {error.strerror}") from error
        body = FileBody(path=path, offset=len(line), size=status.st_size - len(line))
        return cls._of(line, body, path)

    @classmethod
    def _of(cls, line: bytes, body: bytes | FileBody, source: str) -> WarmCall:
        try:
            head = loads(line)
            if head.pop("format") != FORMAT:
                raise PrefixFileError(source, "format", f"this version reads {FORMAT!r} only")
            size = head.pop("size")
            call = cls(**head, body=body)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise PrefixFileError(source, "", "is not a compiled prefix; build it again") from error
        if not all(isinstance(getattr(call, name), kind) for name, kind in _KINDS.items()):
            raise PrefixFileError(source, "", "is not a compiled prefix; build it again")
        at = call.max_tokens_at
        within = 0 <= at <= MAX_BYTES
        if len(body) != size or not within or _part(body, at, 1) not in (b"0", b"1"):
            raise PrefixFileError(source, "", "is cut short; build it again")
        asked = _TTLS.get(call.ttl)
        unasked = asked is None or not call.ttl_at
        if unasked or any(_text_at(body, place) != asked for place in call.ttl_at):
            raise PrefixFileError(source, "ttl", "is not at its place; build it again")
        return call


def state_key(
    route: str, scope: str, environ: Mapping[str, str], name: str, model: str, fingerprint: str
) -> str:
    """Return the key of a prefix's warm state for callers in this environment.

    Parameters
    ----------
    scope
        Label of the workspace.
    environ
        Names the region, if the route's cache is regional.
    fingerprint
        ``sha256:`` and hex digits, over the whole prefix.
    """
    return entry_key(route, route_named(route).region(environ), scope, name, model, fingerprint)


def _text_at(body: bytes | FileBody, place: object) -> bytes | None:
    if isinstance(place, int) and 0 < place <= MAX_BYTES:
        return _part(body, place, 2)
    return None


def _part(body: bytes | FileBody, at: int, size: int) -> bytes:
    return body.part(at, size) if isinstance(body, FileBody) else body[at : at + size]


def _patched(body: bytes | FileBody, patches: Mapping[int, bytes]) -> bytes | FileBody:
    if isinstance(body, FileBody):
        return body.patched(patches)
    patched = bytearray(body)
    for at, new in patches.items():
        patched[at : at + len(new)] = new
    return bytes(patched)


def compile_prefix(prefix: PrefixFile) -> WarmCall:
    """Compile a prefix file into its warm call; the bytes are the same for every caller."""
    request, limit = _limit_first(_without_ttls(prefix.request), prefix.route)
    import json

    text = json.dumps(request, ensure_ascii=False, separators=(",", ":"))
    body = text.encode("utf-8", "surrogateescape")
    ttl, hole = TTL_SECONDS[prefix.ttl], _HOLE.encode("utf-8", "surrogateescape")
    return WarmCall(
        name=prefix.name,
        route=prefix.route,
        model=prefix.model,
        ttl=ttl,
        headers=dict(prefix.headers),
        fingerprint=prefix.fingerprint["prefix"],
        usd_per_mtok=prefix.usd_per_mtok,
        tokens=prefix.tokens.get("counted") or prefix.tokens.get("estimate"),
        max_tokens_at=body.index(limit) + len(limit),
        ttl_at=_places(body, hole),
        body=body.replace(hole, _TTLS[ttl]),
    )


def _limit_first(request: dict[str, Any], route: str) -> tuple[dict[str, Any], bytes]:
    """The body without the fields in the URL path, with the output limit first, and its start."""
    if route == CONVERSE:
        del request["modelId"]
        config = request.pop("inferenceConfig")
        limited = {"maxTokens": config.pop("maxTokens"), **config}
        return {"inferenceConfig": limited, **request}, _CONVERSE_MAX_TOKENS
    if route == "bedrock":
        del request["model"]
        request.setdefault("anthropic_version", INVOKE_MODEL_VERSION)
    return {"max_tokens": request.pop("max_tokens"), **request}, _MAX_TOKENS


def _without_ttls(request: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with holes in place of the breakpoints' TTLs, in either form of body."""
    from copy import deepcopy

    copy = deepcopy(dict(request))
    tools = (copy.get("toolConfig") or copy).get("tools")
    lists = [tools, copy.get("system"), *(message.get("content") for message in copy["messages"])]
    for element in (block for blocks in lists if isinstance(blocks, list) for block in blocks):
        for name in ("cache_control", "cachePoint"):
            if isinstance(element.get(name), dict):
                element[name]["ttl"] = _HOLE
    return copy


def _places(body: bytes, hole: bytes) -> list[int]:
    offsets = [body.find(hole)]
    while offsets[-1] >= 0:
        offsets.append(body.find(hole, offsets[-1] + len(hole)))
    return offsets[:-1]
