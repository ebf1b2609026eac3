"""Names prefixes so that an agent keeps its name from one capture to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from prefixwarm.errors import UsageError
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.prefix.similarity import ALIKE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.prefix.prefix_file import PrefixFile


# Below this, two system prompts with the same tools are unrelated.
_RELATED = 0.2


@dataclass(frozen=True)
class Naming:
    """How to name prefixes.

    Attributes
    ----------
    base : str
        Name of the first prefix; further ones get ``-2``, ``-3``, ...
    is_chosen : bool
        Whether the user chose it; if so, a single agent takes it in any case.
    texts : mapping of str to str
        By name, a text in the tools or system prompt of the agent.
    files : sequence of PrefixFile
        The files that earlier captures wrote to the same folder.
    """

    base: str
    is_chosen: bool = True
    texts: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[PrefixFile] = ()

    def names(self, prefixes: Sequence[PrefixFile]) -> list[str]:
        """Return the names of the prefixes, in the same order.

        Raises
        ------
        UsageError
            A text is in no agent's prompt, or in several.
        """
        named = self._by_text(prefixes)
        self._by_file(prefixes, named)
        taken = set() if self.is_chosen and len(prefixes) == 1 else {f.name for f in self.files}
        for i, _ in enumerate(prefixes):
            if i not in named:
                named[i] = self._free(taken | set(named.values()))
        return [named[i] for i, _ in enumerate(prefixes)]

    def _by_text(self, prefixes: Sequence[PrefixFile]) -> dict[int, str]:
        named: dict[int, str] = {}
        for name, text in self.texts.items():
            holders = [i for i, prefix in enumerate(prefixes) if _holds(prefix, text)]
            if len(holders) != 1:
                where = f"{len(holders)} agents'" if holders else "no agent's"
                raise UsageError(f"--name {name}={text}: is in {where} tools or system prompt")
            named[holders[0]] = name
        return named

    def _by_file(self, prefixes: Sequence[PrefixFile], named: dict[int, str]) -> None:
        """Give each agent the name of the most similar file."""
        pairs = [
            (_score(prefix, file), -i, file.name)
            for i, prefix in enumerate(prefixes)
            for file in self.files
            if not self.is_chosen or self._is_family(file.name)
        ]
        for score, i, name in sorted(pairs, reverse=True):
            if score and -i not in named and name not in named.values():
                named[-i] = name

    def _is_family(self, name: str) -> bool:
        ending = name.removeprefix(f"{self.base}-")
        return name == self.base or (ending != name and ending.isdigit())

    def _free(self, taken: set[str]) -> str:
        names = (self.base if n == 1 else f"{self.base}-{n}" for n in count(1))
        return next(name for name in names if name not in taken)


def _score(prefix: PrefixFile, file: PrefixFile) -> float:
    """How likely a file is an earlier version of a prefix; 0 if it is another agent's."""
    if prefix.route != file.route:
        return 0.0
    same = 2.0 * (prefix.fingerprint == file.fingerprint) + (prefix.model == file.model)
    ours, theirs = Prompt.of_file(prefix), Prompt.of_file(file)
    names = [sorted(block.name for block in side.tier("tools")) for side in (ours, theirs)]
    tier = "system" if ours.tier("system") or theirs.tier("system") else "tools"
    shares = [a.similarity(b).get(tier, 0.0) for a, b in ((ours, theirs), (theirs, ours))]
    least = _RELATED if names[0] and names[0] == names[1] else ALIKE
    return 1 + min(shares) + same if min(shares) >= least else 0.0


def _holds(prefix: PrefixFile, text: str) -> bool:
    blocks = (b for b in Prompt.of_file(prefix).blocks if b.message is None)
    return any(text.encode() in block.data for block in blocks)
