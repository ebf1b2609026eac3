"""Patches SDKs so that all their clients are observed.

Importing this module imports neither the SDKs nor our other modules; that happens when a client
is created. On any error, the client is created as usual.
"""

from __future__ import annotations

from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


_PATCHED = "prefixwarm_patched"
_BEDROCK = "bedrock-runtime"


class Patch(NamedTuple):
    """A patch, and the module whose import triggers it."""

    module: str
    apply: Callable[[ModuleType], bool]


def anthropic_clients(base_client: ModuleType) -> bool:
    """Add the middleware to all anthropic clients; return whether the SDK supports middleware.

    Parameters
    ----------
    base_client : module
        ``anthropic._base_client``.
    """
    classes = (base_client.SyncAPIClient, base_client.AsyncAPIClient)
    if not all("middleware" in (cls.__init__.__kwdefaults__ or ()) for cls in classes):
        return False
    for cls, name in zip(classes, ("middleware", "async_middleware"), strict=True):
        _replace(cls, "__init__", _with_middleware(name))
    return True


def boto3_clients(session: ModuleType) -> bool:
    """Watch all clients of ``bedrock-runtime``.

    Parameters
    ----------
    session : module
        ``botocore.session``.
    """
    _replace(session.Session, "create_client", _watched)
    return True


def litellm_calls(litellm: ModuleType) -> bool:
    """Add our callback to LiteLLM's."""
    from prefixwarm.observe.litellm_calls import observe_litellm

    return observe_litellm(litellm)


# By the name of the distribution.
PATCHES = {
    "anthropic": Patch("anthropic._base_client", anthropic_clients),
    "boto3": Patch("botocore.session", boto3_clients),
    "litellm": Patch("litellm", litellm_calls),
}


def _replace(cls: type, name: str, change: Callable[[Any], Any]) -> None:
    original = getattr(cls, name)
    if not hasattr(original, _PATCHED):
        changed = wraps(original)(change(original))
        setattr(changed, _PATCHED, True)
        setattr(cls, name, changed)


def _with_middleware(name: str) -> Callable[[Any], Any]:
    def change(original: Any) -> Any:
        def init(client: Any, *arguments: Any, **options: Any) -> None:
            with suppress(Exception):
                options = {**options, "middleware": _added(options.get("middleware"), name)}
            original(client, *arguments, **options)

        return init

    return change


def _added(chain: Any, name: str) -> Any:
    """The client's middleware with ours last, where it sees what is sent; added only once."""
    from prefixwarm.observe import anthropic_sdk
    from prefixwarm.observe.process_observer import shared_observer

    own = tuple(chain or ())
    if any(hasattr(handler, anthropic_sdk.OBSERVES) for handler in own):
        return own
    return (*own, getattr(anthropic_sdk, name)(shared_observer()))


def _watched(original: Any) -> Any:
    def create_client(session: Any, *arguments: Any, **options: Any) -> Any:
        client = original(session, *arguments, **options)
        with suppress(Exception):
            if client.meta.service_model.service_name == _BEDROCK:
                from prefixwarm.observe.bedrock import watch
                from prefixwarm.observe.process_observer import shared_observer

                watch(client, shared_observer())
        return client

    return create_client
