"""A shared prefix defined in code: what is warmed and what is sent come from one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.life import TTL_SECONDS
from prefixwarm.prefix.body import MAX_BREAKPOINTS, markers, unfold, without_placeholder
from prefixwarm.provider.routes import CONVERSE, route_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.prefix.prompt import Prompt
    from prefixwarm.prefix.shared_breakpoints import Block, Breakpoints


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
    breakpoints : str
        ``auto``: the ends of tools, system prompt, examples and context get one each, beside
        those that blocks carry already, four in all. ``own``: only what blocks carry. ``clear``:
        as ``auto``, without those.
    parameters
        Further fields of every request that the prompt depends on: ``thinking``,
        ``output_config``, ...

    Attributes
    ----------
    name, model, route, ttl : str
        As they were given.
    headers : dict of str to str
        As they were given.

    Raises
    ------
    UsageError
        When there is nothing to share, a breakpoint where none can be, or an unknown route.

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
        breakpoints: Breakpoints = "auto",
        **parameters: Any,
    ) -> None:
        # The table of fields is not needed to import the name, nor cheap.
        from prefixwarm.prefix import shared_breakpoints as shared

        _refuse_unknown(name, ttl, route)
        converse = route == CONVERSE
        if converse and context:
            raise UsageError(
                f"prefix {name}: context: Converse takes turns, so it cannot stand before the "
                "user's message; put it at the end of system"
            )
        self.name = name
        self.model = model
        self.route = route
        self.ttl = ttl
        self.headers = dict(headers or {})
        self._parameters = parameters
        self._content = {"tools": tools, "system": system, "examples": examples, "context": context}
        self._breakpoints = breakpoints
        self._tools = shared.SharedSection.of("tools", tools, converse=converse)
        self._system = shared.SharedSection.of("system", system, converse=converse)
        groups = shared.turns(examples, context, converse=converse)
        self._turns = [turn for group in groups for turn in group]
        ends = [shared.messages_section(group, converse=converse) for group in groups]
        self._spare = shared.place(name, [self._tools, self._system, *ends], ttl, breakpoints)

    @property
    def shared_messages(self) -> int:
        """Leading messages of each request that belong to the prefix."""
        return len(self._turns)

    @property
    def fingerprint(self) -> dict[str, str]:
        """Fingerprints of ``tools``, ``system``, ``messages`` and of the whole ``prefix``.

        Each is ``sha256:`` and hex digits, of what is sent but for breakpoints and their TTL; as in
        prefix files. `prefix_key` goes further and names the provider's entry: it is the same for
        a default that is written out and one that is not.
        """
        return self._prompt(without_placeholder(self.warm_body())).fingerprint()

    def with_model(
        self, model: str, *, name: str | None = None, route: str | None = None, **changes: Any
    ) -> Prefix:
        """The same prefix for another model, which has a cache entry of its own.

        Parameters
        ----------
        model : str
            Model id as its requests name it.
        name : str, optional
            The new prefix's name; by default this one's and the model's.
        route : str, optional
            Where it is reached; by default as this one.
        changes
            Other arguments of `Prefix` that differ, such as ``ttl``.
        """
        own = {
            **self._content,
            "route": route or self.route,
            "ttl": self.ttl,
            "headers": self.headers,
            "breakpoints": self._breakpoints,
            **self._parameters,
        }
        letters = f"{self.name}-{model}".lower()
        usual = "".join(c if c.isascii() and c.isalnum() else "-" for c in letters)[:64]
        return Prefix(name or usual, model=model, **{**own, **changes})

    def request(
        self, messages: Sequence[Block], *, max_tokens: int = 1024, **more: Any
    ) -> dict[str, Any]:
        """One real request's body: ``client.messages.create(**prefix.request(messages))``.

        On the route ``bedrock-converse`` it is ``client.converse(**prefix.request(messages))``.
        Breakpoints in `messages` count to the four that the provider takes: where they are too
        many, those that were placed inside the prefix give way, but for the one at its end.

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
            When `more` would change the prefix, or `messages` leave no breakpoint for it.
        """
        changed = [field for field in more if field in (*self._fixed(()), *_TIERS)]
        if changed:
            raise UsageError(f"prefix {self.name}: {changed[0]} is fixed; give it to Prefix")
        limit: dict[str, Any] = {"max_tokens": max_tokens}
        if self.route == CONVERSE:
            inference_config = more.pop("inferenceConfig", {})
            limit = {"inferenceConfig": {"maxTokens": max_tokens, **inference_config}}
        without = self._given_up(messages, automatic=more.get("cache_control") is not None)
        shared = self._messages(without)
        return {**limit, **self._fixed(without), **more, "messages": [*shared, *messages]}

    def warm_body(self) -> dict[str, Any]:
        """The body of the prefix's warm call.

        Raises
        ------
        UnwarmableRequestError
            When the provider would refuse it, or would cache nothing that real traffic reads.
        """
        from prefixwarm.prefix.warm_request import CONVERSE_PLACEHOLDER, PLACEHOLDER

        placeholder = CONVERSE_PLACEHOLDER if self.route == CONVERSE else PLACEHOLDER
        prompt = self._prompt(self.request([dict(placeholder)]))
        return prompt.warm_request(prompt.breakpoints[-1] + 1, self.ttl).body

    def _prompt(self, body: Mapping[str, Any]) -> Prompt:
        from prefixwarm.prefix.prompt import Prompt

        return Prompt(body, self.headers, self.route)

    def _given_up(self, messages: Sequence[Block], *, automatic: bool) -> Sequence[Block]:
        """The blocks whose breakpoints give way to those of the conversation."""
        in_messages = automatic + sum(1 for _ in markers(self._bare(messages)))
        turn_blocks = [block for message in self._turns for block in message["content"]]
        shared = [*self._tools.blocks, *self._system.blocks, *turn_blocks]
        in_prefix = sum("cache_control" in block for block in shared)
        over = in_prefix + in_messages - MAX_BREAKPOINTS
        if over > len(self._spare):
            raise UsageError(
                f"prefix {self.name}: the messages carry {in_messages} breakpoints, the prefix "
                f"needs {in_prefix - len(self._spare)}, the provider takes {MAX_BREAKPOINTS}"
            )
        return self._spare[: max(0, over)]

    def _bare(self, messages: Sequence[Block]) -> dict[str, Any]:
        """A body of these messages alone."""
        kind: dict[str, Any] = {"inferenceConfig": {}} if self.route == CONVERSE else {}
        return {**kind, "messages": messages}

    def _messages(self, without: Sequence[Block]) -> list[Block]:
        return [{**m, "content": self._sent(m["content"], without)} for m in self._turns]

    def _fixed(self, without: Sequence[Block]) -> dict[str, Any]:
        """The fields of every request but its messages and its limit."""
        tools = self._sent(self._tools.blocks, without)
        tiers: dict[str, Any] = {"tools": tools, "system": self._sent(self._system.blocks, without)}
        there = {tier: blocks for tier, blocks in tiers.items() if blocks}
        if self.route != CONVERSE:
            return {"model": self.model, **self._parameters, **there}
        fixed = {"modelId": self.model, **self._parameters, **there}
        if fixed.pop("tools", None):
            fixed["toolConfig"] = {**self._parameters.get("toolConfig", {}), "tools": tools}
        return fixed

    def _sent(self, blocks: Sequence[Block], without: Sequence[Block]) -> list[Block]:
        """Blocks as a request of this route holds them, some without their breakpoints."""
        kept = [
            {name: value for name, value in block.items() if name != "cache_control"}
            if any(block is other for other in without)
            else block
            for block in blocks
        ]
        return unfold(kept) if self.route == CONVERSE else kept


def _refuse_unknown(name: str, ttl: str, route: str) -> None:
    if ttl not in TTL_SECONDS:
        raise UsageError(f"prefix {name}: ttl {ttl!r}: write one of {', '.join(TTL_SECONDS)}")
    route_named(route)
