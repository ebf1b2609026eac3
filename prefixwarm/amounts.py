"""Dollars and tokens as people read them: one rule for each, wherever they are shown."""

from __future__ import annotations

_LEAST_USD = 0.0001
_ROUNDS_TO_A_DOLLAR = 0.9995


def dollars(amount: float | None) -> str:
    """US dollars to show: cents from one dollar on, three significant digits below.

    What is unknown is ``unknown``, never $0; what is not zero and too small to matter is
    ``<$0.0001``; and there are never fewer digits than cents.
    """
    if amount is None or amount != amount:
        return "unknown"
    if amount < 0:
        return "-" + dollars(-amount)
    if amount == 0:
        return "$0"
    if amount < _LEAST_USD:
        return f"<${_LEAST_USD}"
    if amount >= _ROUNDS_TO_A_DOLLAR:
        return f"${amount:,.2f}"
    digits = f"{float(f'{amount:.3g}'):.7f}".rstrip("0")
    return "$" + digits.ljust(len("0.00"), "0")


def tokens(count: int | None, *, estimated: bool = False) -> str:
    """Tokens to show; a ``~`` marks an estimate."""
    if count is None:
        return "unknown"
    return f"~{count:,}" if estimated else f"{count:,}"
