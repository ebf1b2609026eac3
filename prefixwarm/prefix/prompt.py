"""A prompt: one request as the provider's cache sees it, and what can be asked of it.

It is made once where a request comes in: from a file, on the wire, in the middleware, on the
command line. All that compare, measure or warm requests ask it, so that they give one answer.
"""

from __future__ import annotations

from functools import cached_property, partial
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.field_table import table
from prefixwarm.fields.parameters import parameters
from prefixwarm.fields.visits import CONVERSE, REQUEST
from prefixwarm.prefix.blocks import TIERS, blocks, estimate
from prefixwarm.prefix.body import is_converse, without_placeholder
from prefixwarm.prefix.difference import ALL_TIERS, between_blocks, between_parameters
from prefixwarm.prefix.fingerprint import fingerprint
from prefixwarm.prefix.similarity import ALIKE, shares, traits
from prefixwarm.prefix.warm_request import refuse_unwarmable, static_end, warm
from prefixwarm.provider.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prefixwarm.fields.parameters import Parameter
    from prefixwarm.prefix.blocks import Block
    from prefixwarm.prefix.difference import Difference
    from prefixwarm.prefix.file_form import PrefixFile
    from prefixwarm.prefix.similarity import Traits
    from prefixwarm.prefix.warm_request import WarmRequest

# The headers that a request's prompt depends on.
SHAPING_HEADERS = ("anthropic-version", "anthropic-beta")

_ORDER = (ALL_TIERS, *TIERS)


class Prompt:
    """The blocks and parameters of one request.

    Parameters
    ----------
    body : mapping
        The request's body, of the Messages API or of Converse. It must not change any more.
    headers : mapping of str to str or None
        Its headers, names in lower case; None where they are not known.
    route : str or None
        ``anthropic``, ``aws``, ...; None where it is not known.
    all_headers : bool
        Whether a header that is not there was not sent; else its absence says nothing.
    """

    def __init__(
        self,
        body: Mapping[str, Any],
        headers: Mapping[str, str] | None = None,
        route: str | None = None,
        *,
        all_headers: bool = True,
    ) -> None:
        self.body = body
        self.route = route
        self.shape = CONVERSE if is_converse(body) else REQUEST
        request_headers = headers or {}
        self.headers = {
            name: request_headers[name] for name in self._shaping() if name in request_headers
        }
        self._all_headers = headers is not None and all_headers

    @classmethod
    def of_file(cls, prefix: PrefixFile) -> Prompt:
        """What a prefix file warms."""
        return cls(without_placeholder(prefix.request), prefix.headers, prefix.route)

    @cached_property
    def every_block(self) -> list[Block]:
        """All blocks, deferred tools included."""
        return blocks(self.body)

    @cached_property
    def blocks(self) -> list[Block]:
        """The blocks that are part of the prompt, in the order in which they are cached."""
        return [block for block in self.every_block if block.rendered]

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """What else is in the cache key, by name."""
        return parameters(self.body, self.headers, shape=self.shape)

    @property
    def model(self) -> str:
        """The model's id as the request names it; empty where it does not."""
        return str(self.body.get("modelId" if self.shape == CONVERSE else "model") or "")

    @cached_property
    def last_tier(self) -> str:
        """The tier of the last block."""
        return self.blocks[-1].tier if self.blocks else TIERS[0]

    def tier(self, name: str) -> list[Block]:
        """The blocks of one tier."""
        return [block for block in self.blocks if block.tier == name]

    @cached_property
    def breakpoints(self) -> list[int]:
        """The indices of the blocks that carry a breakpoint."""
        return [i for i, block in enumerate(self.blocks) if block.marked]

    def fingerprint(self) -> dict[str, str]:
        """The fingerprints of ``tools``, ``system``, ``messages`` and the whole ``prefix``."""
        return fingerprint(self.body, self.headers)

    def warm_request(self, end: int | None = None, ttl: str = "1h") -> WarmRequest:
        """The warm request of this prompt's first blocks.

        Parameters
        ----------
        end : int, optional
            How many blocks are shared; by default as many as one request tells, see `derive`.
        ttl : str
            ``5m`` or ``1h``.

        Raises
        ------
        UnwarmableRequestError
            When the provider would refuse it, or would cache nothing that real traffic reads.
        """
        refuse_unwarmable(self.body)
        shared = static_end(self.every_block) if end is None else end
        return warm(self.body, self.every_block, shared, ttl)

    def tokens(self, model: str | None = None) -> int:
        """Estimate the prompt's tokens, as its model counts them, or `model`."""
        return estimate(self.blocks, model or self.model)

    def differences(self, other: Prompt, *, as_prefix: bool = False) -> list[Difference]:
        """Those of the parameters, and the first one of each tier.

        Parameters
        ----------
        other : Prompt
            What this prompt is compared with.
        as_prefix : bool
            Whether to leave out of account what this prompt does not reach, as `missed_by` does.
        """
        tiers = self._reached if as_prefix else TIERS
        of_parameters = self._of_parameters(other)
        differences = [d for d in of_parameters if not as_prefix or d.tier in (ALL_TIERS, *tiers)]
        for name in tiers:
            ours, theirs = self.tier(name), other.tier(name)
            cut = theirs[: len(ours)] if as_prefix and name == self.last_tier else theirs
            first = between_blocks(ours, cut)
            if first is not None:
                differences.append(first)
        return differences

    def missed_by(self, request: Prompt) -> Difference | None:
        """What keeps a request from beginning with this prompt; None where it does.

        What this prompt does not reach is left out of account: of the last tier what comes behind
        its end, and parameters of later tiers.
        """
        return next((describe() for _, describe in self._misses(request)), None)

    def missed_tier(self, request: Prompt) -> str | None:
        """The tier of what `missed_by` says, in less time."""
        return next((tier for tier, _ in self._misses(request)), None)

    def missed_parameter(self, request: Prompt) -> Difference | None:
        """What `missed_by` says where the blocks are known to be the same."""
        reached = (ALL_TIERS, *self._reached)
        differing = (d for d in self._of_parameters(request) if d.tier in reached)
        return min(differing, key=lambda difference: _ORDER.index(difference.tier), default=None)

    def similarity(self, other: Prompt) -> dict[str, float]:
        """Of each tier of this prompt, how much of it is in the other, from 0 to 1.

        A tier that this prompt does not have is left out.
        """
        return shares(self._traits, other._traits)

    def is_like(self, other: Prompt) -> bool:
        """Whether at least half of some tier is in the other."""
        return any(share >= ALIKE for share in self.similarity(other).values())

    def shared_with(self, others: Iterable[Prompt]) -> int:
        """How many leading blocks all of them have in common with this prompt."""
        return min((self._common(other) for other in others), default=len(self.blocks))

    @property
    def _reached(self) -> tuple[str, ...]:
        return TIERS[: TIERS.index(self.last_tier) + 1]

    def _misses(self, request: Prompt) -> Iterator[tuple[str, Callable[[], Difference]]]:
        """What differs, first things first: its tier, and what describes it."""
        by_parameter = self.missed_parameter(request)
        for name in (ALL_TIERS, *self._reached):
            if by_parameter is not None and by_parameter.tier == name:
                yield name, partial(_itself, by_parameter)
            ours, theirs = self.tier(name), request.tier(name)
            cut = theirs[: len(ours)] if name == self.last_tier else theirs
            if [block.data for block in ours] != [block.data for block in cut]:
                yield name, partial(_first, ours, cut)

    def _common(self, other: Prompt) -> int:
        pairs = zip(self.blocks, other.blocks, strict=False)
        return sum(1 for _ in takewhile(lambda pair: _is_equal(*pair), pairs))

    def _of_parameters(self, other: Prompt) -> Iterator[Difference]:
        for name in dict.fromkeys((*self.parameters, *other.parameters)):
            ours, theirs = self.parameters.get(name), other.parameters.get(name)
            if ours is None or theirs is None:
                absent = other if theirs is None else self
                if not absent._knows(name, ours or theirs):
                    continue
            difference = between_parameters(ours, theirs)
            if difference is not None:
                yield difference

    def _knows(self, name: str, there: Parameter | None) -> bool:
        """Whether a parameter that is there in another request is known not to be in this one.

        What another has in its body would be in this one's; but the version is added late.
        """
        in_body = there is not None and there.place != name and name != "anthropic-version"
        route = ROUTES.get(self.route or "")
        headers = route.allowed_headers if route else SHAPING_HEADERS
        in_header = name in table().shapes["headers"].rows
        return not in_header or in_body or (self._all_headers and name in headers)

    def _shaping(self) -> tuple[str, ...]:
        """The headers that shape the prompt on this route; where it takes none, the SDK's."""
        route = ROUTES.get(self.route or "")
        return (route.allowed_headers if route else ()) or SHAPING_HEADERS

    @cached_property
    def _traits(self) -> Traits:
        return traits(self.blocks)


def _itself(difference: Difference) -> Difference:
    return difference


def _first(ours: list[Block], theirs: list[Block]) -> Difference:
    first = between_blocks(ours, theirs)
    assert first is not None
    return first


def _is_equal(ours: Block, theirs: Block) -> bool:
    return ours.tier == theirs.tier and ours.data == theirs.data
