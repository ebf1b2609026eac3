"""Drawings as SVG, each made twice: as wide as a desk's window, and as wide as a phone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.pages.document import escaped_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Frame:
    """How wide a drawing is, and whom for.

    Attributes
    ----------
    width : int
        Units, which are about pixels.
    is_phone : bool
        Whether names stand above what they name, for want of room beside it.
    """

    width: int
    is_phone: bool

    @property
    def style(self) -> str:
        """Its class, by which the page shows one of the two."""
        return "for-phone" if self.is_phone else "for-desk"


DESK = Frame(1140, is_phone=False)
PHONE = Frame(340, is_phone=True)


def drawings(label: str, draw: Callable[[Frame], tuple[int, Iterable[str]]]) -> str:
    """A drawing for a desk and one for a phone.

    Parameters
    ----------
    label : str
        What it shows, for those who do not see it.
    draw : callable
        Returns the height in units, and SVG elements.
    """
    return "".join(_drawing(label, frame, *draw(frame)) for frame in (DESK, PHONE))


def _drawing(label: str, frame: Frame, height: int, parts: Iterable[str]) -> str:
    return (
        f'<svg class="drawing {frame.style}" viewBox="0 0 {frame.width} {height}" role="img" '
        f'aria-label="{escaped_line(label)}">{"".join(parts)}</svg>'
    )


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """One line of text; `kind` holds classes of the style."""
    return f'<text x="{x:g}" y="{y:g}" class="{kind}">{escaped_line(words)}</text>'


def bar(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle with round corners."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{max(width, 1):g}" height="{height:g}" rx="3" '
        f'class="{kind}"/>'
    )


def line(path: str, kind: str) -> str:
    """A path; none where it is empty."""
    return f'<path class="{kind}" d="{path}"/>' if path else ""
