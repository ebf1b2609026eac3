"""Decides which functions cannot have the layer, for the construct and the command alike.

Each message follows the function's name; empty means no objection.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prefixwarm.attach import runtimes
from prefixwarm.safe_text import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MOST_LAYERS = 5
_MOST_ENVIRONMENT_BYTES = 4096
# The most prefixes the extension loads, so that starts stay short.
_MOST_PREFIXES = 20
_ARCHITECTURES = ("x86_64", "arm64")

ALIAS_OR_VERSION = (
    "is an alias or a version; attach the function itself: versions published from now on carry "
    "the layer, and aliases follow"
)


def package(kind: str | None) -> str:
    """Why a function with this package type cannot have a layer."""
    if kind != "Image":
        return ""
    return (
        "is a container image, which takes no layers; unpack the zip of `prefixwarm layer build` "
        "into /opt in its Dockerfile (docs/deploy.md)"
    )


def architecture(name: str) -> str:
    """Why the layer does not run on an architecture."""
    if name in _ARCHITECTURES:
        return ""
    return f"has the architecture {name!r}; use {' or '.join(_ARCHITECTURES)}"


def region(function: str, warmer: str) -> str:
    """Why the regions of function and warmer conflict."""
    if function == warmer:
        return ""
    return f"is in {function} and the warmer in {warmer}; create one PrefixWarmer per region"


def layers(count: int) -> str:
    """Why the function cannot have another layer."""
    if count < _MOST_LAYERS:
        return ""
    return (
        f"already has {_MOST_LAYERS} layers, Lambda's maximum; merge two of them, or move "
        "one's content into the function's own code"
    )


def prefixes(count: int, option: str) -> str:
    """Why there are too many prefixes; `option` selects some."""
    if count <= _MOST_PREFIXES:
        return ""
    return (
        f"would have {count} prefixes, but an environment loads at most {_MOST_PREFIXES}; "
        f"select its prefixes with {option}"
    )


def first(name: str | None, own: Collection[str]) -> str:
    """Why this prefix cannot be the first to start warm."""
    if name is None or name in own:
        return ""
    return f"carries no prefix {quoted(name)} to be the first one; write one of {', '.join(own)}"


def other_warmer(name: str) -> str:
    """Why an attached function cannot have a second warmer."""
    return (
        f"is already attached to {name}, whose layer and settings would be replaced; "
        "give one warmer the prefixes of both, with credentials by route if they differ"
    )


def environment(variables: Mapping[str, str]) -> str:
    """Why the variables are too large, measured as JSON as Lambda does."""
    size = len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())
    if size <= _MOST_ENVIRONMENT_BYTES:
        return ""
    return (
        f"would have {size:,} bytes of environment variables, but Lambda allows "
        f"{_MOST_ENVIRONMENT_BYTES:,}; shorten its own"
    )


def old_python(runtime: str) -> str:
    """A warning that the layer does little in this runtime."""
    if not runtimes.is_too_old(runtime):
        return ""
    return (
        f"the runtime {runtime} has no Python 3.10 or newer: the layer does nothing there, and "
        "only the keep-warm function warms"
    )


def snap_start(on: bool) -> str:
    """A warning about what SnapStart needs in addition."""
    if not on:
        return ""
    return (
        "with SnapStart the init phase runs when a version is published, long before its first "
        "request; `import prefixwarm_snapstart` in the handler's module warms after a restore"
    )
