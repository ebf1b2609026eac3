"""Lists the breakpoints of a request and their TTLs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.fields.breakpoint_field import ttl_of
from prefixwarm.life import TTL_SECONDS
from prefixwarm.simulator.api_errors import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.simulator.prompt_blocks import Block


MAXIMUM = 4


class Marker(NamedTuple):
    """A breakpoint: the number of its block, and its TTL, ``5m`` or ``1h``."""

    at: int
    ttl: str


def find(blocks: Sequence[Block], automatic: dict[str, Any] | None) -> list[Marker]:
    """List the breakpoints of a request, the automatic one included.

    Parameters
    ----------
    blocks : sequence of Block
        The request's blocks.
    automatic : dict or None
        The body's top-level ``cache_control``.

    Raises
    ------
    ApiError
        400 for more than four, for a longer TTL after a shorter one, and for an automatic
        breakpoint that contradicts an explicit one.
    """
    count = sum(len(block.markers) for block in blocks)
    markers = _explicit(blocks)
    if automatic is not None:
        explicit = len(markers)
        markers = _with_automatic(markers, blocks, ttl_of(automatic))
        count += len(markers) - explicit
    if count > MAXIMUM:
        raise invalid(
            f"A maximum of {MAXIMUM} blocks with cache_control may be provided. Found {count}."
        )
    _check_order(markers, blocks)
    return markers


def _explicit(blocks: Sequence[Block]) -> list[Marker]:
    ttls: dict[int, list[str]] = {}
    for index, block in enumerate(blocks):
        if block.markers:
            at = _end_of_batch(blocks, index)
            ttls.setdefault(at, []).extend(ttl_of(marker) for marker in block.markers)
    return [
        Marker(at, max(words, key=lambda word: TTL_SECONDS[word])) for at, words in ttls.items()
    ]


def _end_of_batch(blocks: Sequence[Block], index: int) -> int:
    """Return the index of the last block in a batch of toolset calls or of their results.

    Notes
    -----
    https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-use-with-prompt-caching
    #cache-control-on-tool-definitions.
    """
    while blocks[index].of_toolset and index + 1 < len(blocks):
        following = blocks[index + 1]
        if not following.of_toolset or following.position != blocks[index].position:
            break
        index += 1
    return index


def _with_automatic(markers: list[Marker], blocks: Sequence[Block], requested: str) -> list[Marker]:
    index = next((i for i in range(len(blocks) - 1, -1, -1) if blocks[i].cacheable), None)
    if index is None:
        return markers
    if not markers or markers[-1].at != index:
        return [*markers, Marker(index, requested)]
    if markers[-1].ttl != requested:
        raise invalid(
            f"cache_control: the last block already has a cache_control with ttl="
            f"'{markers[-1].ttl}', which differs from the request's ttl='{requested}'"
        )
    return markers


def _check_order(markers: list[Marker], blocks: Sequence[Block]) -> None:
    for earlier, later in pairwise(markers):
        if (earlier.ttl, later.ttl) == ("5m", "1h"):
            raise invalid(
                f"{blocks[later.at].path}.cache_control.ttl: a ttl='1h' cache_control block "
                f"must not come after a ttl='5m' cache_control block. Blocks are processed in "
                f"the order tools, system, messages."
            )
