"""The bytes of a warm call, compiled before deployment.

`NAME.warm` lies beside `NAME.prefix.json`: one line of JSON that says where the bytes go, then
the bytes. The init phase neither parses nor serialises the prompt.
"""

from __future__ import annotations

import os

from prefixwarm.errors import PrefixFileError
from prefixwarm.life import TTL_SECONDS, TTL_WORDS
from prefixwarm.provider.routes import CONVERSE, route_named
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
# A prefix file has at most 6 MB; what is larger was not compiled from one.
MAX_BYTES = 8 * 1024 * 1024
# Of the first line: names, headers, prices, and the places of a prompt's breakpoints.
_LONGEST_HEAD = 256 * 1024
_KIND_OF_FILE, _REGULAR = 0o170000, 0o100000

_MAX_TOKENS = b'"max_tokens":'
_CONVERSE_MAX_TOKENS = b'"maxTokens":'
# Both are as long, so that one can stand in the other's place.
_TTLS = {seconds: ttl.encode() for seconds, ttl in TTL_WORDS.items()}
_DIAGNOSTICS = b'{"diagnostics":{"previous_message_id":null},'
# Half characters: no text that can be sent holds them, so they stand nowhere else in the body.
_HOLE = "\udcff\udcff"
_KINDS = {
    **dict.fromkeys(("name", "route", "model", "fingerprint"), str),
    **dict.fromkeys(("ttl", "max_tokens_at"), int),
    **dict.fromkeys(("headers", "usd_per_mtok"), dict),
    "ttl_at": list,
}


class WarmCall(Record):
    """One warm call, ready to send but for authentication.

    `ttl` is in seconds, and `ttl_at` are the places in `body` where each breakpoint asks for it;
    `max_tokens_at` is the place of the digit after ``max_tokens``; `fingerprint` is that of the
    whole prefix. A `body` in a file is read when it is sent.
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
        """The same call, whose breakpoints all ask for 300 or 3600 seconds."""
        if seconds == self.ttl:
            return self
        patches = dict.fromkeys(self.ttl_at, _TTLS[seconds])
        return self.replace(ttl=seconds, body=_patched(self.body, patches))

    def billed(self, tokens: int) -> WarmCall:
        """The same call, of the size that was billed before; 0 leaves what the file says."""
        return self.replace(tokens=tokens) if tokens else self

    @property
    def least_tokens(self) -> int:
        """The fewest tokens that can be asked for: 0, or 1 where that is refused."""
        return int(_part(self.body, self.max_tokens_at, 1))

    def with_max_tokens(self, count: int) -> bytes | FileBody:
        """The body that asks for 0 or 1 tokens."""
        return _patched(self.body, {self.max_tokens_at: str(count).encode()})

    def opted_in(self, count: int) -> bytes | FileBody:
        """The same body, to be known to the provider's cache diagnostics.

        The field is no part of the prompt: what is cached stays the same.
        """
        body = self.with_max_tokens(count)
        if isinstance(body, FileBody):
            return body.behind(_DIAGNOSTICS, 1)
        return _DIAGNOSTICS + body[1:]

    def key(self, scope: str, environ: Mapping[str, str]) -> str:
        """The key of this prefix's warm state, where it is called from."""
        return state_key(self.route, scope, environ, self.name, self.model, self.fingerprint)

    def to_bytes(self) -> bytes:
        """The contents of `NAME.warm`."""
        head = {name: getattr(self, name) for name in self._fields if name != "body"}
        line = dumps({"format": FORMAT, "size": len(self.body), **head})
        return line + b"\n" + whole(self.body)

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> WarmCall:
        """The call of `NAME.warm`'s contents.

        Raises
        ------
        PrefixFileError
            When it is empty, cut short, or of another version.
        """
        line, _, body = data.partition(b"\n")
        return cls._of(line, body, source)

    @classmethod
    def from_file(cls, path: str) -> WarmCall:
        """The call of `NAME.warm`, whose body stays in the file until it is sent.

        Raises
        ------
        PrefixFileError
            When it cannot be read, is larger than 8 MiB, empty, cut short, or of another version.
        FileNotFoundError
            When there is none.
        """
        try:
            status = os.stat(path)
            if status.st_mode & _KIND_OF_FILE != _REGULAR:
                raise PrefixFileError(path, "", "is no regular file")
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
            raise PrefixFileError(source, "ttl", "is not where it should be; build it again")
        return call


def state_key(
    route: str, scope: str, environ: Mapping[str, str], name: str, model: str, fingerprint: str
) -> str:
    """The key of a prefix's warm state, for callers in this environment.

    Parameters
    ----------
    scope
        Label of the workspace.
    environ
        Names the region, where the route's cache knows one.
    fingerprint
        ``sha256:`` and hex digits of the whole prefix.
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
    """The warm call of a prefix file: the same bytes whoever sends them."""
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
    """The body without what the path holds, and how the limit of output begins it."""
    if route == CONVERSE:
        del request["modelId"]
        config = request.pop("inferenceConfig")
        limited = {"maxTokens": config.pop("maxTokens"), **config}
        return {"inferenceConfig": limited, **request}, _CONVERSE_MAX_TOKENS
    if route == "bedrock":
        del request["model"]
        request.setdefault("anthropic_version", "bedrock-2023-05-31")
    return {"max_tokens": request.pop("max_tokens"), **request}, _MAX_TOKENS


def _without_ttls(request: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which the breakpoints' TTLs are holes, in either form of a body."""
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
