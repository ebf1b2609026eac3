"""What an agent may add to its own code."""

from prefixwarm.observe.prefix import Prefix

__all__ = ["Prefix"]
