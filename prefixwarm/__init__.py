"""Keeps prompt-cache prefixes of Claude agents warm, and only when that pays."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.errors import BudgetExceeded
    from prefixwarm.library.asking import AskOutcome, ask
    from prefixwarm.library.async_warm_schedule import AsyncWarmSchedule
    from prefixwarm.library.async_warmer import AsyncWarmer
    from prefixwarm.library.cache_stats import CacheStats
    from prefixwarm.library.conversation_fit import fit
    from prefixwarm.library.cost_gate import CostGate
    from prefixwarm.library.sync_warmer import Warmer
    from prefixwarm.library.warm_result import WarmResult
    from prefixwarm.library.warm_schedule import WarmSchedule
    from prefixwarm.library.warm_status import WarmStatus
    from prefixwarm.prefix.file_form import PrefixFile
    from prefixwarm.prefix.prefix_definition import Prefix
    from prefixwarm.prefix.prefix_key import prefix_key

__version__ = "1.0.0rc1"

__all__ = [
    "AskOutcome",
    "AsyncWarmSchedule",
    "AsyncWarmer",
    "BudgetExceeded",
    "CacheStats",
    "CostGate",
    "Prefix",
    "PrefixFile",
    "WarmResult",
    "WarmSchedule",
    "WarmStatus",
    "Warmer",
    "__version__",
    "ask",
    "fit",
    "prefix_key",
]

_MODULES = {
    "AskOutcome": "prefixwarm.library.asking",
    "AsyncWarmSchedule": "prefixwarm.library.async_warm_schedule",
    "AsyncWarmer": "prefixwarm.library.async_warmer",
    "BudgetExceeded": "prefixwarm.errors",
    "CacheStats": "prefixwarm.library.cache_stats",
    "CostGate": "prefixwarm.library.cost_gate",
    "Prefix": "prefixwarm.prefix.prefix_definition",
    "PrefixFile": "prefixwarm.prefix.file_form",
    "WarmResult": "prefixwarm.library.warm_result",
    "WarmSchedule": "prefixwarm.library.warm_schedule",
    "WarmStatus": "prefixwarm.library.warm_status",
    "Warmer": "prefixwarm.library.sync_warmer",
    "ask": "prefixwarm.library.asking",
    "fit": "prefixwarm.library.conversation_fit",
    "prefix_key": "prefixwarm.prefix.prefix_key",
}


def __getattr__(name: str) -> object:
    # Loaded on first use: the init phase imports this package and needs none of these names.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value
