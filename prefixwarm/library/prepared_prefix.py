"""Prepares a prefix for warming: its file, its bytes, and its state's key."""

from __future__ import annotations

import os
from copy import deepcopy
from typing import TYPE_CHECKING, Any, TypeAlias

from prefixwarm.errors import UsageError
from prefixwarm.prefix.compiled import WarmCall, compile_prefix
from prefixwarm.prefix.prefix_definition import Prefix
from prefixwarm.prefix.prefix_file import PrefixFile, load
from prefixwarm.wire.record import Record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.library.client_kind import ClientKind
    from prefixwarm.prices import OwnPrices


# A prefix defined in code, a prefix file, or the path of one.
AnyPrefix: TypeAlias = "Prefix | PrefixFile | str | os.PathLike[str]"


# The region in state keys if the cache is not regional.
_NO_REGION = "-"


class PreparedPrefix(Record):
    """One prefix of a warmer.

    Attributes
    ----------
    file : PrefixFile
        Its prefix file.
    call : WarmCall
        Its warm call.
    key : str
        The key of its warm state.
    """

    file: PrefixFile
    call: WarmCall
    key: str

    @property
    def name(self) -> str:
        """The prefix's name."""
        return self.file.name


def prepare(
    prefix: AnyPrefix,
    kind: ClientKind,
    scope: str,
    *,
    prices: OwnPrices | None = None,
    placeholder: str | None = None,
) -> PreparedPrefix:
    """Prepare a prefix for a client.

    Parameters
    ----------
    prefix : Prefix, PrefixFile or path
        The prefix.
    kind : ClientKind
        The client that will send it.
    scope : str
        Label of the workspace, as in the warm state's keys.
    prices : mapping, optional
        The user's own prices, see `prefixwarm.prices.price`.
    placeholder : str, optional
        The text of the message after the prefix.

    Raises
    ------
    UsageError
        The client cannot use the prefix's route, or the prefix cannot be warmed.
    """
    file = _file(prefix, prices, kind)
    if file.route not in kind.routes:
        raise UsageError(
            f"prefix {file.name}: its route is {file.route!r}, but {kind.description} uses "
            f'{", ".join(kind.routes)}: give the prefix route="{kind.routes[0]}"'
        )
    if placeholder is not None:
        file = file.replace(request=_with_placeholder(file.request, placeholder))
    call = compile_prefix(file)
    return PreparedPrefix(file=file, call=call, key=call.key(scope, environ_of(kind)))


def environ_of(kind: ClientKind) -> Mapping[str, str]:
    """The environment with the client's region, or without a region if there is none."""
    region = kind.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return {**os.environ, "AWS_REGION": region or _NO_REGION}


def _file(prefix: AnyPrefix, prices: OwnPrices | None, kind: ClientKind) -> PrefixFile:
    # Imported here: expensive, and not needed just to import the names.
    from prefixwarm.capture.file_prices import prices_of
    from prefixwarm.capture.warm_file import defined_prefix

    if isinstance(prefix, Prefix):
        file = defined_prefix(prefix, kind.version or None, prices=prices)
    else:
        file = prefix if isinstance(prefix, PrefixFile) else load(prefix)
        if prices is not None:
            size = file.tokens.get("counted") or file.tokens.get("estimate") or 0
            own = prices_of(file.request, file.route, size, file.base_model, prices)
            file = file.replace(prices=own if own and own["source"] == "own" else file.prices)
    listed = file.prices is not None and file.prices["source"] != "own"
    return file.replace(prices=None) if listed and not kind.priced else file


def _with_placeholder(request: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A warm request with this text as its placeholder."""
    if not text.strip():
        raise UsageError("placeholder: write non-blank text; the provider requires it")
    copy = deepcopy(dict(request))
    last = copy["messages"][-1]
    if isinstance(last["content"], str):
        last["content"] = text
    else:
        last["content"][-1]["text"] = text
    return copy
