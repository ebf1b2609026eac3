"""Keeps prompt-cache prefixes of Claude agents on AWS Lambda warm, and only when that pays."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.observe.prefix_definition import Prefix

__version__ = "0.1.0"

__all__ = ["Prefix", "__version__"]


def __getattr__(name: str) -> object:
    # The init phase imports this package: what it does not use is loaded when asked for.
    if name != "Prefix":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from prefixwarm.observe.prefix_definition import Prefix

    return Prefix
