"""Makes the prefix file of a warm request, with today's prices and the model's minimum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.capture.file_prices import prices_of
from prefixwarm.prefix import prefix_file
from prefixwarm.prefix.body import as_messages
from prefixwarm.prefix.volatile import leaves
from prefixwarm.prices import minimum_tokens
from prefixwarm.provider.routes import ROUTES, route_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.prefix.prefix_definition import Prefix
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.prices import OwnPrices


def defined_prefix(
    definition: Prefix,
    version: str | None = None,
    *,
    base_model: str | None = None,
    placeholders: Sequence[str] = (),
    prices: OwnPrices | None = None,
) -> PrefixFile:
    """Make the prefix file of a prefix defined in code.

    Parameters
    ----------
    definition : Prefix
        The prefix.
    version : str, optional
        The ``anthropic-version`` that the agent's client sends by default.
    base_model, placeholders
        As in `file_of`.
    prices : mapping, optional
        The user's own prices, see `prefixwarm.prices.price`.

    Raises
    ------
    UnwarmableRequestError
        The provider would refuse the warm call, or nothing would be cached.
    PrefixFileError
        The result would not be a valid prefix file.
    """
    body, headers = definition.warm_body(), definition.headers
    if version is not None and route_named(definition.route).version_in_body:
        body = {"anthropic_version": version, **body}
    elif version is not None:
        headers = {"anthropic-version": version, **headers}
    return file_of(
        definition.name,
        body,
        definition.route,
        headers,
        base_model=base_model,
        placeholders=placeholders,
        prices=prices,
    )


def file_of(
    name: str,
    warm: dict[str, Any],
    route: str,
    headers: Mapping[str, str],
    *,
    base_model: str | None = None,
    placeholders: Sequence[str] = (),
    prices: OwnPrices | None = None,
) -> PrefixFile:
    """Make the prefix file of a warm request.

    Parameters
    ----------
    name, route : str
        As in `PrefixFile`.
    warm : dict
        The warm request's body.
    headers : mapping of str to str
        The agent's headers; those that affect the prompt are kept.
    base_model : str, optional
        The id of the model behind an application inference profile.
    placeholders : sequence of str
        Texts that look like credentials but are not.
    prices : mapping, optional
        The user's own prices.

    Raises
    ------
    PrefixFileError
        The result would not be a valid prefix file.
    """
    size = prefix_file.estimate_tokens(warm, base_model)
    minimum = minimum_tokens(base_model or str(as_messages(warm)["model"]), route)
    return prefix_file.build(
        name,
        warm,
        route=route,
        headers=_kept(headers, route),
        tokens={"estimate": size, "counted": None, "minimum": minimum},
        prices=prices_of(warm, route, size, base_model, prices),
        base_model=base_model,
        placeholders=_used(placeholders, warm),
    )


def _used(placeholders: Sequence[str], warm: dict[str, Any]) -> list[str]:
    """The placeholders without which the request would be refused."""
    texts = {text for _, text in leaves(warm, "request")}
    return [one for one in placeholders if any(one in text for text in texts)]


def _kept(headers: Mapping[str, str], route: str) -> dict[str, str]:
    allowed = ROUTES[route].allowed_headers
    kept = {k.lower(): v for k, v in headers.items() if k.lower() in allowed}
    if "anthropic-version" in allowed:
        # The newest is today's SDK default.
        kept.setdefault("anthropic-version", ROUTES[route].versions[-1])
    return kept
