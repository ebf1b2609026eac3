"""Shortens a conversation to fit after its prefix, which stays unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from prefixwarm.errors import DoesNotFitError, UsageError
from prefixwarm.library.conversation_rounds import (
    blocks_of,
    instructions,
    is_thinking,
    rounds,
    turns,
)
from prefixwarm.library.message_size import message_tokens, prompt_tokens
from prefixwarm.prefix.binary import encoded
from prefixwarm.prefix.file_form import PrefixFile
from prefixwarm.prefix.prefix_definition import Prefix
from prefixwarm.prefix.prompt import Prompt

if TYPE_CHECKING:
    from prefixwarm.library.conversation_rounds import Message, Span

T = TypeVar("T")

# The share of the room to drop at once, so that a growing conversation keeps its new start, and
# its cache entries, for a while.
_STEP = 0.25
# With these modes, models check that a thought is in the conversation it came from:
# anthropic 2.14, types/beta/beta_thinking_block_binding_param.py.
_BOUND = ("adaptive", "between_tools")


@dataclass(frozen=True)
class Dropped:
    """A run of dropped messages.

    Attributes
    ----------
    first, last : int
        Their indices in the input.
    what : str
        ``turn``, or ``tool calls`` of an unfinished turn.
    tokens : int
        Their estimated size.
    tools : tuple of str
        The tools called in them.
    """

    first: int
    last: int
    what: str
    tokens: int
    tools: tuple[str, ...]


@dataclass(frozen=True)
class Fitted:
    """A conversation that fits its budget.

    The oldest turns are dropped first, then the oldest tool calls of the unfinished turn. A tool
    call is dropped together with its results and parallel calls. The rest begins with a user
    message and keeps alternating roles. The prefix, and its messages at the start, never change.
    More is dropped than necessary, in steps of a quarter of the room, so that a growing
    conversation keeps its new start, and its cache entries, for a while.

    Attributes
    ----------
    messages : list of dict
        The messages to send after the prefix.
    tokens : int
        The estimated size of the whole prompt, prefix included.
    dropped : list of Dropped
        What was dropped, in order; empty if everything fitted.
    removed_thinking, bound_thinking : int
        Thinking blocks after dropped messages: those removed, and those kept.
    """

    messages: list[dict[str, Any]]
    tokens: int
    dropped: list[Dropped]
    removed_thinking: int = 0
    bound_thinking: int = 0


def fit(
    messages: Sequence[Message],
    prefix: Prefix | PrefixFile | Mapping[str, Any] | None,
    budget_tokens: int,
    *,
    thinking: Literal["auto", "keep", "remove"] = "auto",
) -> Fitted:
    """Shorten a conversation after its prefix; see `Fitted` for what is dropped.

    Parameters
    ----------
    messages : sequence of dict
        The conversation: of the Messages API, of Converse, or of OpenAI (Chat Completions, or the
        items of Responses).
    prefix : Prefix, PrefixFile, mapping or None
        What precedes the conversation; a mapping is a body with tools, system prompt and shared
        messages.
    budget_tokens : int
        The most estimated tokens of the whole prompt, prefix included.
    thinking : str
        Whether to ``keep`` or ``remove`` thinking blocks after dropped messages, which a provider
        may refuse because earlier messages have changed. ``auto``: remove them if the prefix's
        `thinking` is adaptive or between tools, and does not set
        ``block_binding.prefix_mismatch_behavior="drop_block"``.

    Returns
    -------
    Fitted
        The remaining messages, what was dropped, and the estimated size.

    Raises
    ------
    DoesNotFitError
        The prefix and the last round alone exceed the budget.
    UsageError
        The budget is not a positive number of tokens, or `messages` is not a list of messages.

    Examples
    --------
    >>> old = [{"role": role, "content": "word " * 400} for role in ("user", "assistant")]
    >>> fitted = fit([*old, {"role": "user", "content": "And now?"}], None, budget_tokens=200)
    >>> fitted.messages
    [{'role': 'user', 'content': 'And now?'}]
    >>> [(one.what, one.first, one.last) for one in fitted.dropped]
    [('turn', 0, 1)]
    """
    _refuse(messages, budget_tokens)
    body = _body(prefix)
    size = partial(message_tokens, model=_model(prefix, body))
    own = _own(messages, body.get("messages"))
    kept = own + instructions(messages[own:])
    fixed = _prefix_tokens(prefix, body) + sum(map(size, messages[own:kept]))
    rest = [dict(message) for message in messages[kept:]]
    sizes = list(map(size, rest))
    spans = _to_drop(rest, sizes, budget_tokens - fixed)
    if spans is None:
        raise DoesNotFitError(fixed, _least(rest, sizes), budget_tokens)
    left, removed = _without(rest, spans), 0
    bound = sum(map(is_thinking, (b for m in left for b in blocks_of(m)))) if spans else 0
    if bound and (thinking == "remove" or (thinking == "auto" and _is_checked(body))):
        left, removed = _without_thinking(left)
    return Fitted(
        messages=[*(dict(message) for message in messages[:kept]), *left],
        tokens=fixed + sum(map(size, left)),
        dropped=_dropped(spans, sizes, kept),
        removed_thinking=removed,
        bound_thinking=bound - removed,
    )


def _refuse(messages: object, budget_tokens: object) -> None:
    if type(budget_tokens) is not int or budget_tokens <= 0:
        raise UsageError("fit: budget_tokens is not a positive number of tokens")
    listed = isinstance(messages, Sequence) and not isinstance(messages, str | bytes)
    if not listed or not all(isinstance(message, Mapping) for message in messages):  # type: ignore[attr-defined]
        raise UsageError("fit: messages is not a list of messages")


def _body(prefix: Prefix | PrefixFile | Mapping[str, Any] | None) -> Mapping[str, Any]:
    if isinstance(prefix, Prefix):
        return prefix.request([])
    if isinstance(prefix, PrefixFile):
        return Prompt.of_file(prefix).body
    if prefix is None:
        return {}
    if isinstance(prefix, Mapping):
        return prefix
    raise UsageError("fit: prefix is neither a Prefix, nor a prefix file, nor a request's body")


def _prefix_tokens(prefix: object, body: Mapping[str, Any]) -> int:
    if isinstance(prefix, PrefixFile) and prefix.tokens.get("counted"):
        return int(prefix.tokens["counted"] or 0)
    return prompt_tokens(body, _model(prefix, body))


def _model(prefix: object, body: Mapping[str, Any]) -> str:
    """The model for counting tokens; for an inference profile, the file's base model."""
    if isinstance(prefix, PrefixFile):
        return prefix.priced_model
    return str(body.get("model") or body.get("modelId") or "")


def _own(messages: Sequence[Message], shared: object) -> int:
    """The number of leading messages that belong to the prefix: all of its messages, or none."""
    if not isinstance(shared, list) or len(shared) > len(messages):
        return 0
    return len(shared) if _same(messages[: len(shared)], shared) else 0


def _same(messages: Sequence[Message], shared: Sequence[Message]) -> bool:
    """Whether messages are the same, apart from breakpoints."""
    bodies = ({"messages": encoded(list(side))} for side in (messages, shared))
    ours, theirs = (Prompt(body).blocks for body in bodies)
    return [block.data for block in ours] == [block.data for block in theirs]


def _droppable(messages: Sequence[Message]) -> list[tuple[Span, str]]:
    """What may be dropped, oldest first: all turns but the last, then all its rounds but one."""
    every = turns(messages)
    if not every:
        return []
    inner = rounds(messages, every[-1])
    return [
        *((span, "turn") for span in every[:-1]),
        *((span, "tool calls") for span in inner[:-1]),
    ]


def _to_drop(
    messages: Sequence[Message], sizes: Sequence[int], room: int
) -> list[tuple[Span, str]] | None:
    """What to drop; None if dropping everything possible is not enough."""
    excess = sum(sizes) - room
    if excess <= 0:
        return []
    step = max(1, int(room * _STEP))
    wanted = -(-excess // step) * step
    gone, enough = 0, None
    candidates = _droppable(messages)
    for i, (span, _) in enumerate(candidates):
        gone += sum(sizes[span.first : span.last + 1])
        if gone >= excess and enough is None:
            enough = i + 1
        if gone >= wanted:
            return candidates[: i + 1]
    return None if enough is None else candidates[:enough]


def _least(messages: Sequence[Message], sizes: Sequence[int]) -> int:
    """The size of what must stay."""
    return sum(_without(sizes, _droppable(messages)))


def _without(values: Sequence[T], spans: Sequence[tuple[Span, str]]) -> list[T]:
    """Those of the messages that are in none of the spans."""
    gone = {i for span, _ in spans for i in range(span.first, span.last + 1)}
    return [value for i, value in enumerate(values) if i not in gone]


def _dropped(spans: list[tuple[Span, str]], sizes: Sequence[int], offset: int) -> list[Dropped]:
    return [
        Dropped(
            span.first + offset,
            span.last + offset,
            what,
            sum(sizes[span.first : span.last + 1]),
            span.tools,
        )
        for span, what in spans
    ]


def _is_checked(body: Mapping[str, Any]) -> bool:
    """Whether the provider would refuse a thinking block after dropped messages."""
    added = body.get("additionalModelRequestFields")
    held = body.get("thinking") or (added.get("thinking") if isinstance(added, Mapping) else None)
    if not isinstance(held, Mapping) or held.get("type") not in _BOUND:
        return False
    binding = held.get("block_binding")
    behavior = binding.get("prefix_mismatch_behavior") if isinstance(binding, Mapping) else None
    return behavior != "drop_block"


def _without_thinking(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """The messages without thinking blocks, unless a message has nothing else."""
    left, removed = [], 0
    for message in messages:
        blocks = blocks_of(message)
        others = [block for block in blocks if not is_thinking(block)]
        if others and len(others) < len(blocks):
            removed += len(blocks) - len(others)
            left.append({**message, "content": others})
        else:
            left.append(message)
    return left, removed
