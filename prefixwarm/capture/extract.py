"""From recorded requests to prefix files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prefixwarm.capture.file_prices import prices_of, tokens_of
from prefixwarm.capture.shared import Shared, agents, find_shared
from prefixwarm.errors import UnwarmableRequestError
from prefixwarm.fields.output import zero_obstacles
from prefixwarm.lint.finding import finding
from prefixwarm.lint.rules import check
from prefixwarm.lint.verdict import judge
from prefixwarm.prefix import prefix_file
from prefixwarm.prefix.blocks import TIERS, estimate
from prefixwarm.prefix.body import is_converse
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.prefix.warm_request import derive, refuse_unwarmable
from prefixwarm.provider.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prefixwarm.capture.captured_request import CapturedRequest
    from prefixwarm.lint.finding import Finding
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.prefix.warm_request import WarmRequest


_MOVE = "move it behind the prefix, into the first user message"
_LEFT_OUT = {
    "run": "belongs to one run",
    "request": "belongs to one request",
    "output": "forces output, and reaches messages alone",
}
_ADVICE = {
    "key order": "build the tool's schema once, with its keys in one order",
    "order of tools": "send the tools in one order",
    "added": "send the same blocks in every request",
    "removed": "send the same blocks in every request",
    "white space": "send the same text in every request",
}


@dataclass(frozen=True)
class Extracted:
    """One agent's prefix, or why there is none.

    Attributes
    ----------
    name : str
        The prefix's name.
    requests : sequence of CapturedRequest
        The agent's requests.
    prefix : PrefixFile or None
        None where the requests cannot be warmed.
    shared : Shared or None
        How it was found.
    findings : list of Finding
        What keeps it from being cached or read, and what to change.
    """

    name: str
    requests: Sequence[CapturedRequest]
    prefix: PrefixFile | None
    shared: Shared | None
    findings: list[Finding] = field(default_factory=list)

    @property
    def tokens_by_tier(self) -> dict[str, int]:
        """Estimated tokens of the prefix's tools, system and messages."""
        if self.prefix is None:
            return dict.fromkeys(TIERS, 0)
        prompt = Prompt.of_file(self.prefix)
        return {tier: estimate(prompt.tier(tier)) for tier in TIERS}

    @property
    def saving_usd(self) -> float | None:
        """US dollars per 1,000 requests that removing the divergence would save."""
        usd = self.prefix.usd_per_mtok if self.prefix else {}
        price, read = usd.get("write_5m"), usd.get("read")
        if self.shared is None or price is None or read is None:
            return None
        return self.shared.lost_tokens * (price - read) / 1000


def prefixes_from_requests(
    requests: Iterable[CapturedRequest], *, name: str, ttl: str = "1h"
) -> list[Extracted]:
    """Find the shared prefix of every agent among recorded requests.

    Parameters
    ----------
    requests : iterable of CapturedRequest
        Those that the provider refused are left out.
    name : str
        Name of the first prefix; further ones get ``-2``, ``-3``, ...
    ttl : str
        ``5m`` or ``1h``: what the warm calls ask for.

    Returns
    -------
    list of Extracted
        The busiest agent that can be warmed first.

    Raises
    ------
    PrefixFileError
        When `name` is no name, or a request holds a credential.
    """
    groups = sorted(agents(r for r in requests if r.answered), key=_weight, reverse=True)
    return [
        _extract(group, name if i == 0 else f"{name}-{i + 1}", ttl)
        for i, group in enumerate(groups)
    ]


def prefix_from_requests(
    requests: Iterable[CapturedRequest], *, name: str, ttl: str = "1h"
) -> PrefixFile:
    """The prefix of the one agent among recorded requests.

    Raises
    ------
    UnwarmableRequestError
        When its requests cannot be warmed, or there is not exactly one agent.
    PrefixFileError
        See `prefixes_from_requests`.
    """
    found = prefixes_from_requests(requests, name=name, ttl=ttl)
    if len(found) != 1:
        raise UnwarmableRequestError("requests", f"are of {len(found)} agents; give those of one")
    if found[0].prefix is None:
        problem = found[0].findings[0]
        raise UnwarmableRequestError(problem.place, problem.message)
    return found[0].prefix


def make_prefix(
    name: str,
    request: dict[str, Any],
    *,
    route: str = "anthropic",
    headers: dict[str, str] | None = None,
    ttl: str = "1h",
    shared_messages: int = 0,
) -> PrefixFile:
    """A prefix file from one real request, with today's prices and the model's minimum.

    Parameters
    ----------
    name, route, ttl : str
        As in `PrefixFile`.
    request : dict
        The body of a request as the agent sends it.
    headers : dict of str to str, optional
        Its headers, of which those that shape the prompt are kept.
    shared_messages : int
        Leading messages that belong to the prefix.

    Raises
    ------
    UnwarmableRequestError
        When the provider would refuse the warm, or nothing would be cached.
    PrefixFileError
        When the result would not be a valid prefix file.
    """
    warm = derive(request, ttl=ttl, shared_messages=shared_messages)
    return _file(name, warm, route, headers or {})


def _file(name: str, warm: dict[str, Any], route: str, headers: dict[str, str]) -> PrefixFile:
    size = prefix_file.estimate_tokens(warm)
    return prefix_file.build(
        name,
        warm,
        route=route,
        headers=_kept(headers, route),
        tokens=tokens_of(warm, route, size),
        prices=prices_of(warm, route, size),
    )


def _kept(headers: dict[str, str], route: str) -> dict[str, str]:
    allowed = ROUTES[route].allowed_headers
    kept = {k.lower(): v for k, v in headers.items() if k.lower() in allowed}
    if "anthropic-version" in allowed:
        # The newest is what today's SDK sends by itself.
        kept.setdefault("anthropic-version", ROUTES[route].versions[-1])
    return kept


def _extract(group: Sequence[CapturedRequest], name: str, ttl: str) -> Extracted:
    ordered = sorted(group, key=_unwarmable)
    first = ordered[0]
    shared = find_shared(ordered)
    try:
        warm = shared.prompt.warm_request(shared.end, ttl)
        prefix = _file(name, warm.body, first.route, first.headers)
    except UnwarmableRequestError as error:
        found = finding("unwarmable", error.field, error.problem)
        # Where nothing is shared, the divergence is what to look at.
        return Extracted(name, group, None, shared, [*_divergence(shared), found])
    findings = [*_divergence(shared), *_uncached(shared), *_unread(prefix, ordered)]
    findings += _changed(warm)
    # Notes say what the agent must keep equal: it is the agent itself that sent this.
    findings += [found for found in check(prefix) if found.severity != "note"]
    return Extracted(name, group, prefix, shared, findings)


def _uncached(shared: Shared) -> Iterator[Finding]:
    if shared.uncached:
        count = estimate(shared.uncached)
        yield finding(
            "uncached-messages",
            shared.uncached[-1].place,
            f"all requests share about {count:,} tokens of messages that no breakpoint of theirs "
            "reads: add one here",
        )


def _changed(warm: WarmRequest) -> Iterator[Finding]:
    """What the warm request has otherwise than the agent's."""
    for place, why in warm.left_out.items():
        told = _LEFT_OUT[why]
        yield finding("left-out", place, f"{told}: the warm call goes without it")
    if warm.output_tokens and not is_converse(warm.body):
        names = ", ".join(obstacle.place for obstacle in zero_obstacles(warm.body))
        yield finding(
            "asks-for-output", names, "goes with no max_tokens 0: the warm call asks for one token"
        )


def _unread(prefix: PrefixFile, group: Sequence[CapturedRequest]) -> Iterator[Finding]:
    """What keeps some request of the agent from reading its prefix; each thing once."""
    told = set()
    for request in group:
        for found in judge(prefix, request.body, request.headers).findings:
            if (found.rule.id, found.place) not in told:
                told.add((found.rule.id, found.place))
                yield found


def _weight(group: Sequence[CapturedRequest]) -> tuple[bool, int, int]:
    prompt = group[0].prompt
    static = sum(len(block.data) for block in prompt.blocks if block.message is None)
    return not all(map(_unwarmable, group)), len(group), static


def _unwarmable(request: CapturedRequest) -> bool:
    try:
        refuse_unwarmable(request.body)
    except UnwarmableRequestError:
        return True
    return False


def _divergence(shared: Shared) -> Iterator[Finding]:
    parting = shared.divergence
    if parting is None:
        return
    advice = _ADVICE.get(parting.why, _MOVE)
    sides = f"{parting.left!r} and {parting.right!r}"
    yield finding(
        "key-order" if parting.why == "key order" else "divergence",
        parting.at,
        f"{parting.why}: {sides}; {advice}",
    )
    if shared.wasted is not None:
        yield finding(
            "varying-breakpoint",
            shared.wasted.place,
            "what its breakpoint writes is never read again: put it on the last shared block",
        )
