"""Recorded requests by agent: what each agent's requests have in common tells them apart."""

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


# These do not reach tools and system, or come and go with the conversation: they do not make
# another agent.
_PER_REQUEST = ("tool_choice", "citations", "images", "thread", "compaction")
_REPEATED = 2
# Words of a language with its punctuation; what is left of a line is its form.
_WORDS = re.compile(r"[\w\s.,;:?!'\"()-]+")


def agents(requests: Iterable[CapturedRequest]) -> list[list[CapturedRequest]]:
    """Requests by agent: same route, model, parameters and tools, and prompts that are alike.

    Two prompts that are alike are versions of one, unless they are different texts and both are
    sent again and again, or for the same question, as by two adapters of one framework.
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

    Where requests begin with the same block, what they share ends behind it.
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
    """Whether all texts but one are sent again and again.

    A value that varies, such as a user's name, leaves the number of lines as it is.
    """
    repeated = sum(len(conversations(one)) >= _REPEATED for one in texts)
    counts = {sum(text.count("\n") for text in _strings(one[0], "system")) for one in texts}
    return len(counts) == len(texts) and repeated >= max(1, len(texts) - 1)


def _are_forms(texts: Sequence[Sequence[CapturedRequest]]) -> bool:
    """Whether the texts are forms in which one question is asked, each in the next one's place."""
    return all(_is_other_form(left[0], right[0]) for left, right in pairwise(texts))


def _is_other_form(left: CapturedRequest, right: CapturedRequest) -> bool:
    """Whether two requests ask the same in another form, around the question and in the prompt.

    What varies in one form, such as a name, notes or the question itself, is words alone; and it
    stands in one place of the prompt, or in lines of the same form.
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
    """The lines that are not among the others, by neighbourhood."""
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
    """The lines of a tier that are not empty."""
    for text in _strings(request, tier):
        yield from filter(None, map(str.strip, text.splitlines()))


def _strings(request: CapturedRequest, tier: str) -> Iterator[str]:
    for block in request.prompt.tier(tier):
        yield from (text for _, text in leaves(block.value, ""))
