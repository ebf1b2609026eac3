"""Cache keys: what, beside the blocks, makes two prefixes the same."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from prefixwarm.fields.table import table
from prefixwarm.simulator.prompt_blocks import MESSAGES, SYSTEM, TOOLS, Block

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prefixwarm.simulator.model_catalog import Model
    from prefixwarm.simulator.settings import Principal, Switches


DIGEST = 16
_ORGANIZATION_ROUTES = ("bedrock", "bedrock-converse", "bedrock-mantle")
_WEB_TOOLS = ("web_search", "web_fetch")
# Betas that say how the caller authenticates, not what the model sees.
_AUTHENTICATION_BETAS = ("oauth-",)

Json = dict[str, Any]
Salt = dict[str, Any]
Salts = tuple[Salt, Salt, Salt, Salt]


class Context(NamedTuple):
    """What a request is, beside its body.

    Attributes
    ----------
    route : str
        ``anthropic``, ``aws``, ``bedrock-mantle``, ``bedrock`` or ``bedrock-converse``.
    region : str
        AWS region, empty where there is none.
    principal : Principal
        Whose request it is.
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


def salts(body: Json, context: Context, model: Model, switches: Switches) -> Salts:
    """Return what enters the key at the start and on entering tools, system and messages."""
    thinking = {"thinking": _thinking(body, model), "effort": _effort(body, model)}
    tools = thinking if switches.thinking_tier == "all" else {}
    system = _system_salt(body)
    if switches.thinking_tier in ("all", "system"):
        system.update(thinking)
    return _start_salt(body, context, switches), tools, system, {**_messages_salt(body), **thinking}


def _start_salt(body: Json, context: Context, switches: Switches) -> Salt:
    shared = switches.share_converse and context.route == "bedrock-converse"
    salt: Salt = {"route": "bedrock" if shared else context.route, "region": context.region}
    salt["model"] = body["model"]
    salt["organization"] = context.principal.organization
    if switches.scope == "workspace" and context.route not in _ORGANIZATION_ROUTES:
        salt["workspace"] = context.principal.workspace
    if switches.key_beta:
        betas = (beta for beta in context.betas if not beta.startswith(_AUTHENTICATION_BETAS))
        salt["betas"] = sorted(betas)
    if switches.key_geo:
        salt["inference_geo"] = body.get("inference_geo") or "global"
    if switches.key_version:
        salt["version"] = context.version
    return salt


def _system_salt(body: Json) -> Salt:
    kinds = [str(tool.get("type")) for tool in body.get("tools") or ()]
    return {
        "speed": body.get("speed") or "standard",
        "web": sorted({web for web in _WEB_TOOLS for kind in kinds if kind.startswith(web)}),
        "citations": any(_cites(block) for block in _content(body)),
        "format": (body.get("output_config") or {}).get("format"),
    }


def _messages_salt(body: Json) -> Salt:
    choice = body.get("tool_choice") or {"type": "auto"}
    return {
        "tool_choice": {"disable_parallel_tool_use": False, **choice},
        "images": any(block.get("type") == "image" for block in _content(body)),
    }


def _thinking(body: Json, model: Model) -> Salt:
    given = body.get("thinking")
    default = table().row("request", "thinking").default_for(model.id)
    chosen = given or (default if isinstance(default, dict) else {})
    return {key: value for key, value in chosen.items() if value is not None}


def _effort(body: Json, model: Model) -> str:
    return (body.get("output_config") or {}).get("effort") or model.default_effort


def _content(body: Json) -> list[Json]:
    """List the blocks of all messages, and the blocks inside tool results."""
    found: list[Json] = []
    for message in body["messages"]:
        if isinstance(message["content"], list):
            for block in message["content"]:
                found.append(block)
                if block["type"] == "tool_result" and isinstance(block.get("content"), list):
                    found.extend(block["content"])
    return found


def _cites(block: Json) -> bool:
    citations = block.get("citations")
    return isinstance(citations, dict) and bool(citations.get("enabled"))


def betas(names: Iterable[str]) -> tuple[str, ...]:
    """Return a set of betas in the one order in which it is compared."""
    return tuple(sorted({name.strip() for name in names} - {""}))


def chain(blocks: Sequence[Block], salted: Salts) -> list[bytes]:
    """Return for each block the digest of everything up to and including it."""
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
