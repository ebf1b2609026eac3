"""Recorded requests by agent: what each agent's requests have in common tells them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.capture.shared import conversations
from prefixwarm.prefix.similarity import ALIKE
from prefixwarm.prefix.volatile import leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prefixwarm.capture.captured_request import CapturedRequest


# These do not reach tools and system, or come and go with the conversation: they do not make
# another agent.
_PER_REQUEST = ("tool_choice", "citations", "images", "thread", "compaction")
_REPEATED = 2


def agents(requests: Iterable[CapturedRequest]) -> list[list[CapturedRequest]]:
    """Requests by agent: same route, model, parameters and tools, and prompts that are alike.

    Two prompts that are alike are versions of one, unless both are sent again and again and are
    different texts, such as what two adapters of one framework make of one task.
    """
    groups: dict[str, list[list[CapturedRequest]]] = {}
    for request in requests:
        related = groups.setdefault(_related(request), [])
        agent = next((group for group in related if _is_version(group[0], request)), None)
        if agent is None:
            related.append([request])
        else:
            agent.append(request)
    return [agent for related in groups.values() for group in related for agent in _texts(group)]


def _related(request: CapturedRequest) -> str:
    prompt = request.prompt
    kept = {
        name: parameter.value
        for name, parameter in prompt.parameters.items()
        if name not in _PER_REQUEST
    }
    tools = sorted(block.name or block.kind for block in prompt.tier("tools"))
    return repr((request.route, sorted(kept.items(), key=lambda item: item[0]), tools))


def _is_version(left: CapturedRequest, right: CapturedRequest) -> bool:
    """Whether two system prompts are versions of one: most of each is in the other."""
    systems = [[b.data for b in side.prompt.tier("system")] for side in (left, right)]
    if systems[0] == systems[1]:
        return True
    sides = (left.prompt, right.prompt), (right.prompt, left.prompt)
    shares = [ours.similarity(theirs).get("system") for ours, theirs in sides]
    if None in shares:
        return shares == [None, None]
    return min(share or 0.0 for share in shares) >= ALIKE


def _texts(group: Sequence[CapturedRequest]) -> list[list[CapturedRequest]]:
    """The group, or its requests by system prompt where those are different texts.

    A value that varies, such as a user's name, leaves the number of lines as it is. And where
    requests begin with the same block, what they share ends behind it.
    """
    by_text: dict[tuple[bytes, ...], list[CapturedRequest]] = {}
    for request in group:
        key = tuple(block.data for block in request.prompt.tier("system"))
        by_text.setdefault(key, []).append(request)
    texts = list(by_text.values())
    repeated = sum(len(conversations(one)) >= _REPEATED for one in texts)
    begin_alike = len({key[:1] for key in by_text}) < len(texts)
    same_lines = len({_lines(one[0]) for one in texts}) < len(texts)
    if len(texts) == 1 or begin_alike or same_lines or repeated < max(1, len(texts) - 1):
        return [list(group)]
    return texts


def _lines(request: CapturedRequest) -> int:
    system = [block.value for block in request.prompt.tier("system")]
    return sum(text.count("\n") for _, text in leaves(system, ""))
