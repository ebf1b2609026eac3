"""The manifest that the keep-warm function reads: which prefixes, under which policy."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prefixwarm.provider.routes import route_named
from prefixwarm.state.model import name_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.prefix.prefix_file import PrefixFile


_FORMAT = "prefixwarm-manifest/1"


def manifest_entry(file: PrefixFile, key: str) -> dict[str, Any]:
    """One prefix: enough to find its warm state without reading its file.

    Parameters
    ----------
    key
        S3 key of the prefix file, in the manifest's own bucket.
    """
    return {
        "name": file.name,
        "object": key,
        "route": file.route,
        "model": file.model,
        "fingerprint": file.fingerprint["prefix"],
        "functions": [],
    }


def state_keys(file: PrefixFile, region: str, scope: str) -> str:
    """The keys of a prefix's warm states, as a pattern of IAM: its earlier versions' too.

    Parameters
    ----------
    region
        Where the functions are; may be a token of CDK.
    scope
        Label of the workspace.
    """
    where = region if route_named(file.route).signing_service else ""
    return name_key(file.route, where, scope, file.name) + "/*"


def manifest_text(
    entries: Sequence[Mapping[str, Any]],
    *,
    policy: str | Mapping[str, Any],
    latency_value: float = 0.0,
    budget: float | None = None,
    calls_per_minute: int | None = None,
) -> str:
    """The manifest; `latency_value` in US dollars a second, `budget` in US dollars a UTC day."""
    document = {
        "format": _FORMAT,
        "prefixes": list(entries),
        "policy": policy,
        "latency_value": latency_value,
        "budget_usd_per_day": budget,
    }
    if calls_per_minute is not None:
        document["calls_per_minute"] = calls_per_minute
    return json.dumps(document, indent=2) + "\n"
