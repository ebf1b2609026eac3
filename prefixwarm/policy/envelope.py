"""Packs the counters of a learning rule: its own numbers, and its learner."""

from __future__ import annotations

import struct
from typing import Any

from prefixwarm.policy.learner import Learner


class Envelope:
    """Packs a rule's numbers with its learner; refuses bytes of another rule or format.

    Parameters
    ----------
    tag : bytes
        One byte that identifies the rule's format.
    fields : str
        The numbers, in the notation of `struct`.
    """

    def __init__(self, tag: bytes, fields: str) -> None:
        self._tag = tag
        self._format = struct.Struct(f"<s{fields}{Learner.size}s")

    def pack(self, learner: Learner, *numbers: Any) -> bytes:
        """Pack numbers and learner."""
        return self._format.pack(self._tag, *numbers, learner.pack())

    def unpack(self, learned: bytes) -> tuple[Any, ...] | None:
        """Unpack the learner and the numbers; None if another rule wrote these bytes."""
        if learned[:1] != self._tag or len(learned) != self._format.size:
            return None
        _, *numbers, learner = self._format.unpack(learned)
        return Learner.unpack(learner), *numbers
