"""An axis of plain amounts, such as seconds or dollars, from one end to the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.pages.drawing import line, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEIGHT = 24
_LABEL_WIDTH = 64
_MULTIPLES = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class AmountAxis:
    """Amounts to places.

    Attributes
    ----------
    least, most : float
        What stands at the two ends.
    left, width : float
        Where it lies in the drawing.
    steps : tuple of float
        What may lie between two labels; by default 1, 2 or 5 of any power of ten.
    """

    least: float
    most: float
    left: float
    width: float
    steps: tuple[float, ...] = ()

    def x(self, amount: float) -> float:
        """The place of an amount; one beyond an end is at the end."""
        inside = min(max(amount, self.least), self.most)
        return round(self.left + (inside - self.least) / (self.most - self.least) * self.width, 1)

    def parts(self, bottom: float, label: Callable[[float], str]) -> Iterator[str]:
        """Labels above, and a line for each down to `bottom`."""
        step = self._step()
        first, last = math.ceil(self.least / step), math.floor(self.most / step)
        for number in range(first, last + 1):
            x = self.x(number * step)
            yield line(f"M{x} {HEIGHT - 6}V{bottom:g}", "grid")
            yield text(x, HEIGHT - 11, label(number * step), f"{self._side(x)} soft")

    def _side(self, x: float) -> str:
        """Where a label stands, so that it stays within the drawing."""
        if x - self.left < _LABEL_WIDTH / 2:
            return "start"
        return "end" if self.left + self.width - x < _LABEL_WIDTH / 2 else "middle"

    def _step(self) -> float:
        """The smallest that has room for its labels."""
        least = _LABEL_WIDTH / self.width * (self.most - self.least)
        whole = next((step for step in self.steps if step >= least), None)
        if whole is not None:
            return whole
        power = 10.0 ** math.floor(math.log10(least))
        return next(power * multiple for multiple in _MULTIPLES if power * multiple >= least)
