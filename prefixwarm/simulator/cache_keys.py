"""Makes cache keys from blocks and everything else that distinguishes two prefixes."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from prefixwarm.fields.parameters import parameters
from prefixwarm.simulator.prompt_blocks import MESSAGES, SYSTEM, TOOLS, Block

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prefixwarm.fields.parameters import Parameter
    from prefixwarm.simulator.settings import Principal, Switches


DIGEST = 16
_ORGANIZATION_ROUTES = ("bedrock", "bedrock-converse", "bedrock-mantle")
# Body fields on Bedrock that replace headers.
_HEADERS = ("anthropic_version", "anthropic_beta")
_THINKING = ("thinking", "output_config.effort")
_THINKING_TIERS = {"all": "parameters", "system": "system", "messages": "messages"}
_SWITCHES = {
    "anthropic-beta": "key_beta",
    "inference_geo": "key_geo",
    "anthropic-version": "key_version",
}

Json = dict[str, Any]
Salt = dict[str, Any]
Salts = tuple[Salt, Salt, Salt, Salt]


class Context(NamedTuple):
    """A request's properties besides its body.

    Attributes
    ----------
    route : str
        ``anthropic``, ``aws``, ``bedrock-mantle``, ``bedrock`` or ``bedrock-converse``.
    region : str
        AWS region, or "".
    principal : Principal
        The caller.
    version : str
        ``anthropic-version``.
    betas : tuple of str
        ``anthropic-beta``, sorted.
    """

    route: str
    region: str
    principal: Principal
    version: str
    betas: tuple[str, ...]


def salts(body: Json, context: Context, switches: Switches) -> Salts:
    """Return what enters the key at the start and at the start of tools, system and messages."""
    start = _start_salt(context, switches)
    tiers: dict[str, Salt] = {"parameters": start, "tools": {}, "system": {}, "messages": {}}
    for parameter in _parameters(body, context).values():
        tier = parameter.tier
        if parameter.name in _THINKING:
            tier = _THINKING_TIERS[switches.thinking_tier]
        if not _is_off(parameter.name, switches):
            tiers[tier][parameter.name] = parameter.value
    return tiers["parameters"], tiers["tools"], tiers["system"], tiers["messages"]


def _parameters(body: Json, context: Context) -> dict[str, Parameter]:
    headers = {"anthropic-version": context.version, "anthropic-beta": ",".join(context.betas)}
    own = {name: value for name, value in body.items() if name not in _HEADERS}
    return parameters(own, headers)


def _is_off(name: str, switches: Switches) -> bool:
    switch = _SWITCHES.get(name)
    return switch is not None and not getattr(switches, switch)


def _start_salt(context: Context, switches: Switches) -> Salt:
    shared = switches.share_converse and context.route == "bedrock-converse"
    salt: Salt = {"route": "bedrock" if shared else context.route, "region": context.region}
    salt["organization"] = context.principal.organization
    if switches.scope == "workspace" and context.route not in _ORGANIZATION_ROUTES:
        salt["workspace"] = context.principal.workspace
    return salt


def betas(names: Iterable[str]) -> tuple[str, ...]:
    """Return a set of betas in the canonical order."""
    return tuple(sorted({name.strip() for name in names} - {""}))


def chain(blocks: Sequence[Block], salted: Salts) -> list[bytes]:
    """Return, for each block, the digest of everything up to and including it."""
    digests: list[bytes] = []
    entered, running = TOOLS, _enter(_enter(b"", salted[0]), salted[1])
    for block in blocks:
        while entered < block.tier:
            entered += 1
            running = _enter(running, salted[entered + 1])
        running = sha256(running + block.data).digest()[:DIGEST]
        digests.append(running)
    return digests


def _enter(running: bytes, salt: Salt) -> bytes:
    data = orjson.dumps(salt, option=orjson.OPT_SORT_KEYS)
    return sha256(running + b"\x00" + data).digest()[:DIGEST]


assert (TOOLS, SYSTEM, MESSAGES) == (0, 1, 2)
