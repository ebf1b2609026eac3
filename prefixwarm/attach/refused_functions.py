"""Which functions cannot carry the layer, and why: one answer for the construct and the command.

Each sentence follows the function's name. Empty: nothing stands against it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from prefixwarm.attach import runtimes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MOST_LAYERS = 5
_MOST_ENVIRONMENT_BYTES = 4096
# What the extension loads at most, so that an environment's start stays short.
_MOST_PREFIXES = 20
_ARCHITECTURES = ("x86_64", "arm64")

ALIAS_OR_VERSION = (
    "is an alias or a version; attach the function itself: versions published from now on carry "
    "the layer, and aliases follow"
)


def package(kind: str | None) -> str:
    """Why a function of this package type takes no layer."""
    if kind != "Image":
        return ""
    return (
        "is a container image, which takes no layers; unpack the zip of `prefixwarm layer build` "
        "into /opt in its Dockerfile (docs/deploy.md)"
    )


def architecture(name: str) -> str:
    """Why the layer does not run there."""
    if name in _ARCHITECTURES:
        return ""
    return f"has the architecture {name!r}; use {' or '.join(_ARCHITECTURES)}"


def region(function: str, warmer: str) -> str:
    """Why the regions of function and warmer do not fit."""
    if function == warmer:
        return ""
    return f"is in {function} and the warmer in {warmer}; create one PrefixWarmer per region"


def layers(count: int) -> str:
    """Why one more layer than these is too many."""
    if count < _MOST_LAYERS:
        return ""
    return (
        f"has {_MOST_LAYERS} layers already, all that Lambda takes; merge two of them, or move "
        "one's content into the function's own code"
    )


def prefixes(count: int, option: str) -> str:
    """Why so many prefixes are too many; `option` names fewer."""
    if count <= _MOST_PREFIXES:
        return ""
    return (
        f"would carry {count} prefixes and an environment loads {_MOST_PREFIXES}; "
        f"name its own with {option}"
    )


def first(name: str | None, own: Collection[str]) -> str:
    """Why this prefix cannot be the first one to start warm."""
    if name is None or name in own:
        return ""
    return f"first={name!r} is none of its prefixes: {', '.join(own)}"


def other_warmer(name: str) -> str:
    """Why a function that this warmer is attached to cannot have a second one."""
    return (
        f"is attached to {name} already, whose layer and settings would be replaced; "
        "give one warmer the prefixes of both, with credentials by route where they differ"
    )


def environment(variables: Mapping[str, str]) -> str:
    """Why so many variables are too many, as Lambda measures them: as JSON."""
    size = len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())
    if size <= _MOST_ENVIRONMENT_BYTES:
        return ""
    return (
        f"would have {size:,} bytes of environment variables, and Lambda takes "
        f"{_MOST_ENVIRONMENT_BYTES:,}; shorten its own"
    )


def old_python(runtime: str) -> str:
    """Why the layer does little there; to warn of."""
    if not runtimes.is_too_old(runtime):
        return ""
    return (
        f"the runtime {runtime} has no Python of 3.10 or newer: the layer only idles there, and "
        "the keep-warm function alone warms"
    )


def snap_start(on: bool) -> str:
    """What SnapStart needs besides; to warn of."""
    if not on:
        return ""
    return (
        "with SnapStart the init phase runs when a version is published, long before its first "
        "request; `import prefixwarm_snapstart` in the handler's module warms after a restore"
    )
