"""A shared prefix defined in code: what is warmed and what is sent come from one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.fields.block_rules import can_be_marked, choice_of
from prefixwarm.fields.visits import CONVERSE as CONVERSE_BODY
from prefixwarm.fields.visits import REQUEST
from prefixwarm.life import TTL_SECONDS
from prefixwarm.prefix.body import unfold
from prefixwarm.provider.routes import CONVERSE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


Block = dict[str, Any]

_TIERS = ("tools", "system", "toolConfig")


class Prefix:
    """Tools, system prompt, examples and context that all requests of an agent share.

    Everything is given once and in the order in which the provider caches it, so nothing that
    varies can come before something that does not.

    Parameters
    ----------
    name : str
        The prefix's name, ``[a-z0-9-]{1,64}``.
    model : str
        Model id as the requests name it.
    tools : sequence of dict
        Tool definitions.
    system : str or sequence of dict
        The system prompt, a text or its blocks.
    examples : sequence of dict
        Messages of examples, from a user's to an assistant's.
    context : str or sequence of dict
        What all requests know besides, such as documents; sent as a user's message.
    route : str
        ``anthropic``, ``aws``, ``bedrock-mantle``, ``bedrock`` or ``bedrock-converse``; with the
        last, tools, blocks and parameters are Converse's own.
    ttl : str
        ``5m`` or ``1h``, for the warm calls and the requests alike.
    headers : mapping of str to str, optional
        Headers that shape the prompt, such as ``anthropic-beta``.
    parameters
        Further fields of every request that the prompt depends on: ``thinking``,
        ``output_config``, ...

    Raises
    ------
    UsageError
        When there is nothing to share, or a block brings a breakpoint of its own.

    Examples
    --------
    >>> prefix = Prefix("support", model="claude-sonnet-5-5", system="You are a helper.")
    >>> prefix.request([{"role": "user", "content": "Hi"}], max_tokens=500)["model"]
    'claude-sonnet-5-5'
    """

    def __init__(
        self,
        name: str,
        *,
        model: str,
        tools: Sequence[Block] = (),
        system: str | Sequence[Block] = (),
        examples: Sequence[Block] = (),
        context: str | Sequence[Block] = (),
        route: str = "anthropic",
        ttl: str = "1h",
        headers: Mapping[str, str] | None = None,
        **parameters: Any,
    ) -> None:
        if ttl not in TTL_SECONDS:
            raise UsageError(f"prefix {name}: ttl {ttl!r}: write one of {', '.join(TTL_SECONDS)}")
        self.name = name
        self.route = route
        self.ttl = ttl
        self.headers = dict(headers or {})
        if route == CONVERSE and context:
            raise UsageError(
                f"prefix {name}: context: Converse takes turns, so it cannot stand before the "
                "user's message; put it at the end of system"
            )
        shared = _shared(tools, system, examples, context, named=route != CONVERSE)
        _mark(name, shared, ttl, CONVERSE_BODY if route == CONVERSE else REQUEST)
        self._messages: list[Block] = shared.pop("messages", [])
        self._fixed: dict[str, Any] = {"model": model, **parameters, **shared}
        if route == CONVERSE:
            self._messages = [{**m, "content": unfold(m["content"])} for m in self._messages]
            self._fixed = _converse(model, parameters, shared)

    @property
    def shared_messages(self) -> int:
        """Leading messages of each request that belong to the prefix."""
        return len(self._messages)

    def request(
        self, messages: Sequence[Block], *, max_tokens: int = 1024, **more: Any
    ) -> dict[str, Any]:
        """One real request's body: ``client.messages.create(**prefix.request(messages))``.

        On the route ``bedrock-converse`` it is ``client.converse(**prefix.request(messages))``.

        Parameters
        ----------
        messages : sequence of dict
            What varies: the conversation.
        max_tokens : int
            Most tokens to generate.
        more
            Fields that the prompt does not depend on, such as ``metadata``.

        Raises
        ------
        UsageError
            When `more` would change the prefix.
        """
        changed = [field for field in more if field in (*self._fixed, *_TIERS)]
        if changed:
            raise UsageError(f"prefix {self.name}: {changed[0]} is fixed; give it to Prefix")
        limit: dict[str, Any] = {"max_tokens": max_tokens}
        if self.route == CONVERSE:
            inference_config = more.pop("inferenceConfig", {})
            limit = {"inferenceConfig": {"maxTokens": max_tokens, **inference_config}}
        return {**limit, **self._fixed, **more, "messages": [*self._messages, *messages]}


def _shared(
    tools: Sequence[Block],
    system: str | Sequence[Block],
    examples: Sequence[Block],
    context: str | Sequence[Block],
    *,
    named: bool,
) -> dict[str, Any]:
    """The tiers that there are; with `named`, a text says its type."""

    def blocks(content: str | Sequence[Block]) -> list[Block]:
        if not isinstance(content, str):
            return [dict(block) for block in content]
        kind = {"type": "text"} if named else {}
        return [{**kind, "text": content}] if content else []

    messages = [{**message, "content": blocks(message["content"])} for message in examples]
    if context:
        messages.append({"role": "user", "content": blocks(context)})
    tiers = {"tools": blocks(tools), "system": blocks(system), "messages": messages}
    return {tier: elements for tier, elements in tiers.items() if elements}


def _converse(
    model: str, parameters: Mapping[str, Any], shared: Mapping[str, list[Block]]
) -> dict[str, Any]:
    fixed: dict[str, Any] = {"modelId": model, **parameters}
    if "system" in shared:
        fixed["system"] = unfold(shared["system"])
    if "tools" in shared:
        fixed["toolConfig"] = {
            **parameters.get("toolConfig", {}),
            "tools": unfold(shared["tools"]),
        }
    return fixed


def _mark(name: str, shared: Mapping[str, Any], ttl: str, shape: str) -> None:
    """Put the one breakpoint on the last shared block that can carry it."""
    tiers = {"tools": shared.get("tools", ()), "system": shared.get("system", ())}
    every = [
        (block, choice_of(tier, shape))
        for tier, tier_elements in tiers.items()
        for block in tier_elements
    ]
    for message in shared.get("messages", ()):
        choice = choice_of("messages", shape, str(message.get("role")))
        every += [(block, choice) for block in message["content"]]
    if not every:
        raise UsageError(f"prefix {name}: there are neither tools nor a system prompt to share")
    own = next((key for key in ("cache_control", "cachePoint") for b, _ in every if key in b), None)
    if own:
        raise UsageError(f"prefix {name}: remove {own}; Prefix sets the breakpoint itself")
    able = [block for block, choice in every if can_be_marked(block, choice) == "yes"]
    if not able:
        raise UsageError(f"prefix {name}: no block of it can carry a breakpoint")
    able[-1]["cache_control"] = {"type": "ephemeral", "ttl": ttl}
