"""Records how a request's cache keys were made, to explain misses."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from prefixwarm.simulator.cache_keys import DIGEST, Salts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.simulator.cache import CacheEffect
    from prefixwarm.simulator.prompt_blocks import Block


class Trace(NamedTuple):
    """How one request's keys were made.

    Attributes
    ----------
    salts : tuple of dict
        See `prefixwarm.simulator.cache_keys.salts`.
    chain : bytes
        The cumulative digests of its blocks, one after the other.
    paths : tuple of str
        The path of each block.
    ends : array
        Tokens up to and including each block.
    marked : int
        The index of the block with its last effective breakpoint; -1 for none.
    ttl : str
        That breakpoint's TTL, or "".
    """

    salts: Salts
    chain: bytes
    paths: tuple[str, ...]
    ends: array[int]
    marked: int
    ttl: str

    @classmethod
    def of(
        cls, salts: Salts, chain: Sequence[bytes], blocks: Sequence[Block], effect: CacheEffect
    ) -> Trace:
        """Make the trace of a request."""
        marked, ttl = effect.last or (-1, "")
        paths = tuple(block.path for block in blocks)
        return cls(salts, b"".join(chain), paths, array("Q", effect.ends), marked, ttl)

    def includes(self, key: str) -> bool:
        """Return whether a cache key, in hexadecimal, is one of the prefixes."""
        chain = self.chain
        return any(chain[at : at + DIGEST].hex() == key for at in range(0, len(chain), DIGEST))

    def cached(self) -> int:
        """Return the tokens up to the last breakpoint."""
        return self.ends[self.marked] if self.marked >= 0 else 0
