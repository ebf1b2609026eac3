"""Groups recorded requests by agent, from what each agent's requests have in common."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from prefixwarm.capture.shared import conversations
from prefixwarm.prefix.similarity import ALIKE
from prefixwarm.prefix.volatile import leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prefixwarm.capture.captured_request import CapturedRequest


# These do not affect tools and system, or vary within a conversation, so they do not make a
# different agent.
_PER_REQUEST = ("tool_choice", "citations", "images", "thread", "compaction")
_REPEATED = 2
# Words and punctuation of a language; the rest of a line is its form.
_WORDS = re.compile(r"[\w\s.,;:?!'\"()-]+")


def agents(requests: Iterable[CapturedRequest]) -> list[list[CapturedRequest]]:
    """Group requests by agent: same route, model, parameters and tools, and similar prompts.

    Similar prompts are versions of one prompt, unless they are different texts and either both
    recur or both answer the same question, as with two adapters of one framework.
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
    """Whether two system prompts are versions of one: each contains most of the other."""
    systems = [[b.data for b in side.prompt.tier("system")] for side in (left, right)]
    if systems[0] == systems[1]:
        return True
    sides = (left.prompt, right.prompt), (right.prompt, left.prompt)
    shares = [ours.similarity(theirs).get("system") for ours, theirs in sides]
    if None in shares:
        return shares == [None, None]
    return min(share or 0.0 for share in shares) >= ALIKE


def _texts(group: Sequence[CapturedRequest]) -> list[list[CapturedRequest]]:
    """Return the group, split by system prompt if those are different texts.

    If requests begin with the same block, the shared part ends after it.
    """
    by_text: dict[tuple[bytes, ...], list[CapturedRequest]] = {}
    for request in group:
        key = tuple(block.data for block in request.prompt.tier("system"))
        by_text.setdefault(key, []).append(request)
    texts = list(by_text.values())
    begin_alike = len({key[:1] for key in by_text}) < len(texts)
    if len(texts) == 1 or begin_alike or not (_come_again(texts) or _are_forms(texts)):
        return [list(group)]
    return texts


def _come_again(texts: Sequence[Sequence[CapturedRequest]]) -> bool:
    """Whether all texts except one recur.

    A varying value, such as a user's name, does not change the number of lines.
    """
    repeated = sum(len(conversations(one)) >= _REPEATED for one in texts)
    counts = {sum(text.count("\n") for text in _strings(one[0], "system")) for one in texts}
    return len(counts) == len(texts) and repeated >= max(1, len(texts) - 1)


def _are_forms(texts: Sequence[Sequence[CapturedRequest]]) -> bool:
    """Whether the texts are different forms of the same question."""
    return all(_is_other_form(left[0], right[0]) for left, right in pairwise(texts))


def _is_other_form(left: CapturedRequest, right: CapturedRequest) -> bool:
    """Whether two requests ask the same question in another form.

    Within one form only words vary, such as a name, notes or the question, and they are in one
    place of the prompt or in lines of the same form.
    """
    asked = [list(_lines(side, "messages")) for side in (left, right)]
    if not any(" " in line for line in set(asked[0]) & set(asked[1])):
        return False
    prompts = [list(_lines(side, "system")) for side in (left, right)]
    own = [_own_runs(*prompts), _own_runs(*reversed(prompts))]
    around = [_own_runs(*asked), _own_runs(*reversed(asked))]
    in_other_places = max(map(len, own)) > 1
    return (
        in_other_places
        and _forms(own[0]) != _forms(own[1])
        and _forms(around[0]) != _forms(around[1])
    )


def _forms(runs: Sequence[Sequence[str]]) -> set[str]:
    return {_WORDS.sub("w", line) for run in runs for line in run}


def _own_runs(lines: Sequence[str], others: Sequence[str]) -> list[list[str]]:
    """The lines that are not in `others`, grouped into runs."""
    runs: list[list[str]] = []
    other_lines = set(others)
    follows = False
    for line in lines:
        if line in other_lines:
            follows = False
        elif follows:
            runs[-1].append(line)
        else:
            runs.append([line])
            follows = True
    return runs


def _lines(request: CapturedRequest, tier: str) -> Iterator[str]:
    """The non-empty lines of a tier."""
    for text in _strings(request, tier):
        yield from filter(None, map(str.strip, text.splitlines()))


def _strings(request: CapturedRequest, tier: str) -> Iterator[str]:
    for block in request.prompt.tier(tier):
        yield from (text for _, text in leaves(block.value, ""))
