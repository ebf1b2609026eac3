"""The settings of a simulated provider."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from prefixwarm.simulator.api_errors import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Mapping


_CHOICES = {
    "thinking_tier": ("all", "system", "messages"),
    "scope": ("workspace", "organization"),
    "legacy_usage": ("off", "null", "missing"),
    "inner_markers": ("outer", "refused"),
}


@dataclass(frozen=True)
class Principal:
    """The organization and workspace of a request."""

    organization: str = "6d1f3a52-0000-4000-8000-000000000001"
    workspace: str = "wrkspc_default"


@dataclass(frozen=True)
class AwsKey:
    """An AWS key pair whose signatures are verified.

    Attributes
    ----------
    secret : str
        The secret access key.
    organization : str
        The key's account.
    """

    secret: str
    organization: str = Principal.organization


@dataclass(frozen=True)
class Latency:
    """How long a reply takes: first token = base + uncached / prefill_rate + read / read_rate.

    Attributes
    ----------
    base : float
        Fixed seconds per request.
    prefill_rate : float
        Uncached input tokens (plain and written) per second.
    read_rate : float
        Tokens read from the cache per second.
    output_rate : float
        Output tokens per second, after the first.
    """

    base: float = 0.35
    prefill_rate: float = 20_000.0
    read_rate: float = 500_000.0
    output_rate: float = 80.0

    def __post_init__(self) -> None:
        """Validate the fields."""
        if not 0 <= self.base < math.inf:
            raise SimulatorError(f"latency base {self.base!r}: give seconds from 0 on")
        for name in ("prefill_rate", "read_rate", "output_rate"):
            if not getattr(self, name) > 0:
                raise SimulatorError(f"latency {name} {getattr(self, name)!r}: must be above 0")

    def first_token(self, uncached: int, read: int) -> float:
        """Return seconds from the request's start to its first token."""
        return self.base + uncached / self.prefill_rate + read / self.read_rate

    def output(self, tokens: int) -> float:
        """Return seconds from the first token to the last."""
        return max(0, tokens - 1) / self.output_rate


@dataclass(frozen=True)
class Limits:
    """Requests and input tokens per minute and model; None: no limit.

    Attributes
    ----------
    rpm : int, optional
        Requests per minute, including warm calls.
    itpm : int, optional
        Input tokens per minute: uncached and written ones, not read ones.
    """

    rpm: int | None = None
    itpm: int | None = None


@dataclass(frozen=True)
class Switches:
    """Provider behaviour that is unsettled, or sometimes worse than documented.

    Attributes
    ----------
    refuse_zero : bool
        Answer any ``max_tokens: 0`` with 400, as old gateways do.
    key_beta, key_geo, key_version : bool
        Whether the ``anthropic-beta`` set, ``inference_geo`` and ``anthropic-version`` are part of
        the cache key.
    thinking_tier : str
        First tier that thinking and effort invalidate: ``all``, ``system`` or ``messages``.
    scope : str
        ``workspace``, or ``organization`` for every route; Bedrock's is always the latter.
    linger : float
        Seconds that an entry outlives its TTL.
    settle : float
        Seconds from the first byte until a written entry can be read.
    ttl_upgrade : bool
        A read through a breakpoint with a longer TTL gives the entry that TTL.
    refresh_nested : bool
        A hit also refreshes every live entry at an earlier breakpoint.
    downgrade_1h : bool
        ``ttl: "1h"`` is accepted but stored and reported as 5 m.
    ignore_markers : bool
        200 with nothing cached.
    iterations : bool
        ``usage.iterations`` is reported.
    legacy_usage : str
        ``off``, or ``usage.cache_creation`` (Converse's ``cacheDetails``) is ``null`` or
        ``missing``.
    share_converse : bool
        Bedrock's Converse and InvokeModel read each other's entries.
    call_tools : bool
        A model with tools and no results yet calls the first tool. If off, it calls only a tool
        forced by name, or, if a call is required, one that takes the agent's answer.
    inner_markers : str
        What a breakpoint inside a tool result does: ``outer`` marks the tool result, ``refused``
        gives a 400.
    """

    refuse_zero: bool = False
    key_beta: bool = True
    key_geo: bool = True
    key_version: bool = True
    thinking_tier: str = "all"
    scope: str = "workspace"
    linger: float = 0.0
    settle: float = 0.0
    ttl_upgrade: bool = False
    refresh_nested: bool = False
    downgrade_1h: bool = False
    ignore_markers: bool = False
    iterations: bool = False
    legacy_usage: str = "off"
    share_converse: bool = False
    call_tools: bool = False
    inner_markers: str = "outer"

    def __post_init__(self) -> None:
        """Validate the fields."""
        for switch in fields(self):
            _check_switch(switch.name, getattr(self, switch.name), switch.default)

    def changed(self, changes: Mapping[str, Any]) -> Switches:
        """Return a copy with some switches changed."""
        switches = asdict(self)
        for name in changes:
            if name not in switches:
                raise SimulatorError(
                    f"switch {name!r} is unknown; use one of {', '.join(switches)}"
                )
        return replace(self, **changes)

    def public(self) -> dict[str, Any]:
        """Return every switch and its position."""
        return asdict(self)


def _check_switch(name: str, value: object, default: object) -> None:
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            accepted = ", ".join(_CHOICES[name])
            raise SimulatorError(f"switch {name}: {value!r} is unknown; use one of {accepted}")
    elif isinstance(default, bool):
        if not isinstance(value, bool):
            raise SimulatorError(f"switch {name}: {value!r} is neither true nor false")
    elif isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise SimulatorError(f"switch {name}: {value!r}; give seconds from 0 on")


@dataclass(frozen=True)
class Settings:
    """The settings of a simulated provider.

    Attributes
    ----------
    clock : str
        ``real`` or ``manual``.
    latency, switches, limits
        See there.
    keys : mapping of str to Principal
        API keys; without keys and AWS keys, any non-empty key is accepted, for one principal.
    aws_keys : mapping of str to AwsKey
        AWS keys by access key id; if set, SigV4 signatures are verified.
    minimums : mapping of str to int
        Additional models, or other minimums, in tokens by undated id.
    profiles : mapping of str to str
        Model ids by ARN of an application inference profile. A profile that is not listed counts
        as a model with unknown properties and price.
    region : str
        AWS region of requests whose signature has none.
    seed : int
        Seed of generated ids.
    keep_requests, keep_bytes : int
        How many received requests, and how many bytes of their bodies, are kept.
    gather : float
        Manual clock: real seconds without an arrival before replies are sent, so that concurrent
        calls start at the same moment; four times as long while several connections are open.
    """

    clock: str = "real"
    latency: Latency = field(default_factory=Latency)
    switches: Switches = field(default_factory=Switches)
    limits: Limits = field(default_factory=Limits)
    keys: Mapping[str, Principal] = field(default_factory=dict)
    aws_keys: Mapping[str, AwsKey] = field(default_factory=dict)
    minimums: Mapping[str, int] = field(default_factory=dict)
    profiles: Mapping[str, str] = field(default_factory=dict)
    region: str = "us-east-1"
    seed: int = 0
    keep_requests: int = 1000
    keep_bytes: int = 64 * 1024 * 1024
    gather: float = 0.005
