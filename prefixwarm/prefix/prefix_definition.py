"""Defines a shared prefix in code, so that warm calls and requests come from one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.fields.breakpoint_field import unmarked
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

    Each part is given once, and parts are sent in caching order, so nothing that varies can precede
    something shared.

    Parameters
    ----------
    name : str
        The prefix's name, ``[a-z0-9-]{1,64}``.
    model : str
        Model id, as in the requests.
    tools : sequence of dict
        Tool definitions.
    system : str or sequence of dict
        The system prompt, as text or blocks.
    examples : sequence of dict
        Example messages, starting with a user's and ending with an assistant's.
    context : str or sequence of dict
        Further shared content, such as documents; sent as a user message.
    route : str
        ``anthropic``, ``aws``, ``bedrock-mantle``, ``bedrock`` or ``bedrock-converse``; with the
        last, tools, blocks and parameters have Converse's form.
    ttl : str
        ``5m`` or ``1h``, for warm calls and requests.
    headers : mapping of str to str, optional
        Headers that shape the prompt, such as ``anthropic-beta``.
    breakpoints : str
        ``auto``: one at the end of tools, system prompt, examples and context each, in addition to
        those already on blocks, four in all. ``own``: only those already on blocks. ``clear``: like
        ``auto``, but removes those already on blocks.
    parameters
        Further fields of every request that affect the prompt: ``thinking``,
        ``output_config``, ...

    Attributes
    ----------
    name, model, route, ttl : str
        As passed.
    headers : dict of str to str
        As passed.

    Raises
    ------
    UsageError
        There is nothing to share, a breakpoint is in an impossible place, or the route is unknown.

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
        # Imported here because the table of fields is expensive and not needed just to import the
        # name.
        from prefixwarm.prefix import shared_breakpoints as shared

        _refuse_unknown(name, ttl, route)
        converse = route == CONVERSE
        if converse and context:
            raise UsageError(
                f"prefix {name}: context: Converse roles must alternate, so it cannot precede the "
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

        Each is ``sha256:`` and hex digits over what is sent, without breakpoints and their TTL, as
        in prefix files. `prefix_key` goes further and names the provider's entry: it is the same
        whether or not a default is written out.
        """
        return self._prompt(without_placeholder(self.warm_body())).fingerprint()

    def with_model(
        self, model: str, *, name: str | None = None, route: str | None = None, **changes: Any
    ) -> Prefix:
        """Return the same prefix for another model, which has a separate cache entry.

        Parameters
        ----------
        model : str
            Model id, as in its requests.
        name : str, optional
            The new prefix's name; by default this one's name and the model's.
        route : str, optional
            The route; by default this prefix's.
        changes
            Other arguments of `Prefix` to change, such as ``ttl``.
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
        """Return a real request's body: ``client.messages.create(**prefix.request(messages))``.

        On the route ``bedrock-converse``, use ``client.converse(**prefix.request(messages))``.
        Breakpoints in `messages` count towards the provider's limit of four. If there are too many,
        those placed inside the prefix are removed first, except the one at its end.

        Parameters
        ----------
        messages : sequence of dict
            The conversation, which varies.
        max_tokens : int
            The most tokens to generate.
        more
            Fields that do not affect the prompt, such as ``metadata``.

        Raises
        ------
        UsageError
            `more` would change the prefix, or `messages` leave no breakpoint for it.
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
        """Return the body of the prefix's warm call.

        Raises
        ------
        UnwarmableRequestError
            The provider would refuse it, or would cache nothing that real traffic reads.
        """
        from prefixwarm.prefix.warm_request import CONVERSE_PLACEHOLDER, PLACEHOLDER

        placeholder = CONVERSE_PLACEHOLDER if self.route == CONVERSE else PLACEHOLDER
        prompt = self._prompt(self.request([dict(placeholder)]))
        return prompt.warm_request(prompt.breakpoints[-1] + 1, self.ttl).body

    def _prompt(self, body: Mapping[str, Any]) -> Prompt:
        from prefixwarm.prefix.prompt import Prompt

        return Prompt(body, self.headers, self.route)

    def _given_up(self, messages: Sequence[Block], *, automatic: bool) -> Sequence[Block]:
        """The blocks that lose their breakpoint to the conversation."""
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
        """A body with only these messages."""
        kind: dict[str, Any] = {"inferenceConfig": {}} if self.route == CONVERSE else {}
        return {**kind, "messages": messages}

    def _messages(self, without: Sequence[Block]) -> list[Block]:
        return [{**m, "content": self._sent(m["content"], without)} for m in self._turns]

    def _fixed(self, without: Sequence[Block]) -> dict[str, Any]:
        """The fields of every request, except its messages and output limit."""
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
        """Blocks in this route's form, some without their breakpoints."""
        kept = [
            unmarked(block) if any(block is other for other in without) else block
            for block in blocks
        ]
        return unfold(kept) if self.route == CONVERSE else kept


def _refuse_unknown(name: str, ttl: str, route: str) -> None:
    if ttl not in TTL_SECONDS:
        raise UsageError(f"prefix {name}: ttl {ttl!r}: write one of {', '.join(TTL_SECONDS)}")
    route_named(route)
