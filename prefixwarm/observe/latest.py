"""A dict for what is in flight, limited in size."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

_MOST = 1000


class Latest(OrderedDict[K, V]):
    """Keeps the last thousand items, because not every start is followed by an end."""

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > _MOST:
            self.popitem(last=False)
