"""The bytes of a warm call, compiled before deployment.

`NAME.warm` lies beside `NAME.prefix.json`: one line of JSON that says where the bytes go, then
the bytes. The init phase neither parses nor serialises the prompt.
"""

from __future__ import annotations

from prefixwarm.core.compact import dumps, loads
from prefixwarm.core.errors import PrefixFileError
from prefixwarm.core.record import Record
from prefixwarm.core.state import entry_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.core.prefix_file import PrefixFile
    from prefixwarm.core.routes import Route

__all__ = ["FORMAT", "SUFFIX", "WarmCall", "compile_prefix"]

FORMAT = "prefixwarm-warm/1"
SUFFIX = ".warm"

_MAX_TOKENS = b'"max_tokens":0'
_DIAGNOSTICS = b'{"diagnostics":{"previous_message_id":null},'
_KINDS = {
    **dict.fromkeys(("name", "route", "model", "fingerprint"), str),
    **dict.fromkeys(("ttl", "max_tokens_at"), int),
    **dict.fromkeys(("headers", "usd_per_mtok"), dict),
}


class WarmCall(Record):
    """One warm call, ready to send but for authentication.

    `ttl` is in seconds; `max_tokens_at` is the place of the digit after ``max_tokens`` in
    `body`; `fingerprint` is that of the whole prefix.
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
    body: bytes

    def with_max_tokens(self, count: int) -> bytes:
        """The body that asks for 0 or 1 tokens."""
        at = self.max_tokens_at
        return self.body[:at] + str(count).encode() + self.body[at + 1 :]

    def opted_in(self, count: int) -> bytes:
        """The same body, to be known to the provider's cache diagnostics.

        The field is no part of the prompt: what is cached stays the same.
        """
        return _DIAGNOSTICS + self.with_max_tokens(count)[1:]

    def key(self, route: Route, scope: str, environ: Mapping[str, str]) -> str:
        """The key of this prefix's warm state, where it is called from."""
        region = route.region(environ)
        return entry_key(self.route, region, scope, self.name, self.model, self.fingerprint)

    def to_bytes(self) -> bytes:
        """The contents of `NAME.warm`."""
        head = {name: getattr(self, name) for name in self._fields if name != "body"}
        return dumps({"format": FORMAT, "size": len(self.body), **head}) + b"\n" + self.body

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> WarmCall:
        """Read `NAME.warm`.

        Raises
        ------
        PrefixFileError
            When it is empty, cut short, or of another version.
        """
        line, _, body = data.partition(b"\n")
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
        if len(body) != size or body[at : at + 1] != b"0":
            raise PrefixFileError(source, "", "is cut short; build it again")
        return call


def compile_prefix(prefix: PrefixFile) -> WarmCall:
    """The warm call of a prefix file: the same bytes whoever sends them."""
    request = dict(prefix.request)
    if prefix.route == "bedrock":
        del request["model"]
        request.setdefault("anthropic_version", "bedrock-2023-05-31")
    request = {"max_tokens": request.pop("max_tokens"), **request}
    import json

    body = json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()
    return WarmCall(
        name=prefix.name,
        route=prefix.route,
        model=prefix.model,
        ttl={"5m": 300, "1h": 3600}[prefix.ttl],
        headers=dict(prefix.headers),
        fingerprint=prefix.fingerprint["prefix"],
        usd_per_mtok=prefix.usd_per_mtok,
        tokens=prefix.tokens.get("counted") or prefix.tokens.get("estimate"),
        max_tokens_at=body.index(_MAX_TOKENS) + len(_MAX_TOKENS) - 1,
        body=body,
    )
