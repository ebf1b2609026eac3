"""Makes ids that look like the provider's and repeat with the seed."""

from __future__ import annotations

from random import Random

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


class Ids:
    """A seeded source of ids.

    Parameters
    ----------
    seed : int
        The same seed gives the same ids in the same order.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311

    def make(self, prefix: str, length: int = 22) -> str:
        """Return `prefix` and `length` letters and digits."""
        return prefix + "".join(self._random.choices(_ALPHABET, k=length))
