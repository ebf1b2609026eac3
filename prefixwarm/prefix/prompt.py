"""A prompt: one request as the provider's cache sees it, with all comparisons and measures.

It is made once, where a request enters: from a file, the wire, the middleware or the command
line. All code that compares, measures or warms requests uses it, so that all answers agree.
"""

from __future__ import annotations

from functools import cached_property
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.field_table import table
from prefixwarm.fields.parameters import TIERS, parameters
from prefixwarm.fields.visits import CONVERSE, REQUEST
from prefixwarm.prefix.blocks import blocks, estimate
from prefixwarm.prefix.body import is_converse, without_placeholder
from prefixwarm.prefix.difference import ALL_TIERS, TIER_ORDER, between_blocks, between_parameters
from prefixwarm.prefix.fingerprint import fingerprint
from prefixwarm.prefix.similarity import ALIKE, shares, traits
from prefixwarm.prefix.warm_request import refuse_unwarmable, static_end, warm
from prefixwarm.provider.routes import ROUTES, SHAPING_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prefixwarm.fields.parameters import Parameter
    from prefixwarm.prefix.blocks import Block
    from prefixwarm.prefix.difference import Difference
    from prefixwarm.prefix.file_form import PrefixFile
    from prefixwarm.prefix.similarity import Traits
    from prefixwarm.prefix.warm_request import WarmRequest


class Prompt:
    """The blocks and parameters of one request.

    Parameters
    ----------
    body : mapping
        The request's body, of the Messages API or Converse. It must not change afterwards.
    headers : mapping of str to str or None
        Its headers, names in lower case; None if unknown.
    route : str or None
        ``anthropic``, ``aws``, ...; None if unknown.
    all_headers : bool
        Whether `headers` is complete; if not, a missing header may have been sent.
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
        """The prompt of a prefix file."""
        return cls(without_placeholder(prefix.request), prefix.headers, prefix.route)

    @cached_property
    def every_block(self) -> list[Block]:
        """All blocks, deferred tools included."""
        return blocks(self.body)

    @cached_property
    def blocks(self) -> list[Block]:
        """The blocks that are part of the prompt, in caching order."""
        return [block for block in self.every_block if block.rendered]

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters in the cache key, by name."""
        return parameters(self.body, self.headers, shape=self.shape)

    @property
    def model(self) -> str:
        """The model's id in the request; empty if absent."""
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
        """Return the warm request of this prompt's first blocks.

        Parameters
        ----------
        end : int, optional
            How many blocks are shared; by default up to the last breakpoint in tools and
            system, or to their end if there is none.
        ttl : str
            ``5m`` or ``1h``.

        Raises
        ------
        UnwarmableRequestError
            The provider would refuse it, or would cache nothing that real traffic reads.
        """
        refuse_unwarmable(self.body)
        shared = static_end(self.every_block) if end is None else end
        return warm(self.body, self.every_block, shared, ttl)

    def tokens(self, model: str | None = None) -> int:
        """Estimate the prompt's tokens for its model, or for `model`."""
        return estimate(self.blocks, model or self.model)

    def differences(self, other: Prompt, *, as_prefix: bool = False) -> list[Difference]:
        """Return all parameter differences and the first difference of each tier.

        Parameters
        ----------
        other : Prompt
            The prompt to compare with.
        as_prefix : bool
            Whether to ignore what is beyond this prompt, as `missed_by` does.
        """
        tiers = self._reached if as_prefix else TIERS
        of_parameters = self._of_parameters(other)
        differences = [d for d in of_parameters if not as_prefix or d.tier in (ALL_TIERS, *tiers)]
        for name in tiers:
            theirs = self._beside(name, other) if as_prefix else other.tier(name)
            first = between_blocks(self.tier(name), theirs)
            if first is not None:
                differences.append(first)
        return differences

    def missed_by(self, request: Prompt) -> Difference | None:
        """Return what keeps a request from beginning with this prompt; None if it does begin so.

        Ignores what is beyond this prompt: the rest of the last tier, and parameters of later
        tiers.
        """
        tier, by_parameter = self.missed_tier(request), self.missed_parameter(request)
        if tier is None:
            return None
        if by_parameter is not None and by_parameter.tier == tier:
            return by_parameter
        return between_blocks(self.tier(tier), self._beside(tier, request))

    def missed_tier(self, request: Prompt) -> str | None:
        """The tier of the difference that `missed_by` returns, faster."""
        by_parameter = self.missed_parameter(request)
        for name in (ALL_TIERS, *self._reached):
            if by_parameter is not None and by_parameter.tier == name:
                return name
            theirs = self._beside(name, request)
            if [block.data for block in self.tier(name)] != [block.data for block in theirs]:
                return name
        return None

    def missed_parameter(self, request: Prompt) -> Difference | None:
        """Like `missed_by`, for a request whose blocks are known to be the same."""
        reached = (ALL_TIERS, *self._reached)
        differing = (d for d in self._of_parameters(request) if d.tier in reached)
        return min(
            differing, key=lambda difference: TIER_ORDER.index(difference.tier), default=None
        )

    def similarity(self, other: Prompt) -> dict[str, float]:
        """Return how much of each tier of this prompt is in the other, from 0 to 1.

        Tiers that this prompt lacks are left out.
        """
        return shares(self._traits, other._traits)

    def is_like(self, other: Prompt) -> bool:
        """Whether at least half of some tier is in the other."""
        return any(share >= ALIKE for share in self.similarity(other).values())

    def shared_with(self, others: Iterable[Prompt]) -> int:
        """The number of leading blocks that all of them share with this prompt."""
        return min((self._common(other) for other in others), default=len(self.blocks))

    @property
    def _reached(self) -> tuple[str, ...]:
        return TIERS[: TIERS.index(self.last_tier) + 1]

    def _beside(self, tier: str, request: Prompt) -> list[Block]:
        """The blocks of a request's tier to compare with ours; in our last tier, as many."""
        theirs = request.tier(tier)
        return theirs[: len(self.tier(tier))] if tier == self.last_tier else theirs

    def _common(self, other: Prompt) -> int:
        pairs = zip(self.blocks, other.blocks, strict=False)
        return sum(1 for _ in takewhile(lambda pair: _is_equal(*pair), pairs))

    def _of_parameters(self, other: Prompt) -> Iterator[Difference]:
        for name in dict.fromkeys((*self.parameters, *other.parameters)):
            ours, theirs = self.parameters.get(name), other.parameters.get(name)
            if ours is None or theirs is None:
                absent = other if theirs is None else self
                if not absent._certainly_lacks(name, ours or theirs):
                    continue
            difference = between_parameters(ours, theirs)
            if difference is not None:
                yield difference

    def _certainly_lacks(self, name: str, there: Parameter | None) -> bool:
        """Whether a parameter of another request is certain to be absent from this one.

        A body parameter certainly is; the version header is added late.
        """
        in_body = there is not None and there.place != name and name != "anthropic-version"
        route = ROUTES.get(self.route or "")
        headers = route.allowed_headers if route else SHAPING_HEADERS
        in_header = name in table().shapes["headers"].rows
        return not in_header or in_body or (self._all_headers and name in headers)

    def _shaping(self) -> tuple[str, ...]:
        """The headers that affect the prompt on this route; if it takes none, the SDK's."""
        route = ROUTES.get(self.route or "")
        return (route.allowed_headers if route else ()) or SHAPING_HEADERS

    @cached_property
    def _traits(self) -> Traits:
        return traits(self.blocks)


def _is_equal(ours: Block, theirs: Block) -> bool:
    return ours.tier == theirs.tier and ours.data == theirs.data
