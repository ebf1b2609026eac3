"""A call with a reserved budget, to settle or release afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import StateError, UsageError
from prefixwarm.prices import cost
from prefixwarm.process_log import logger
from prefixwarm.usage.reading import Reading, read_usage
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from prefixwarm.library.call_estimate import CallEstimate
    from prefixwarm.prices import OwnPrices
    from prefixwarm.state.keepwarm_model import Reservation
    from prefixwarm.state.store import StateStore

_STORE_SECONDS = 3.0


@dataclass(eq=False)
class GatedCall:
    """The reservation of `CostGate` for one call.

    Attributes
    ----------
    estimate : CallEstimate
        The reserved amount.
    cost_usd : float or None
        Its cost in US dollars, once settled; None if unknown.
    """

    estimate: CallEstimate
    _reservation: Reservation
    _store: StateStore
    _prices: OwnPrices | None
    cost_usd: float | None = None
    _lock: Lock = field(default_factory=Lock)
    _open: bool = True

    def settle(self, reply: object) -> None:
        """Replace the reservation with what the call billed, once.

        If the reply has no usage or an invalid one, the reservation stays and counts as spent.

        Parameters
        ----------
        reply : object or mapping
            The reply, or its usage, see `CacheStats.record`.
        """
        reading = reply if isinstance(reply, Reading) else read_usage(reply)
        usage = reading.usage if reading else None
        if reading is None or usage is None:
            return
        usd = self._cost(reading)
        self.cost_usd = usd
        reserved = self._reservation.usd
        self._adjust(reserved if usd is None else usd, usage.prompt + usage.output)

    def release(self) -> None:
        """Release the reservation: the call was not sent, or was refused."""
        self._adjust(0.0, 0)

    def _cost(self, reading: Reading) -> float | None:
        try:
            usd = cost(reading, self.estimate.model or None, own=self._prices)
        except UsageError:
            return None
        return None if usd is None else float(usd)

    def _adjust(self, usd: float, tokens: int) -> None:
        with self._lock:
            is_first, self._open = self._open, False
        if not is_first:
            return
        deadline = Deadline.after(_STORE_SECONDS)
        try:
            self._store.adjust(self._reservation, usd, tokens, deadline)
        except StateError as error:
            logger.warning("CostGate: %s; the reservation counts as spent", error)


def was_refused(error: Any) -> bool:
    """Whether the provider answered with an error, which is not billed.

    SDK errors have `status_code` or `code`; botocore's have the response.
    """
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    status = (
        getattr(error, "status_code", None)
        or metadata.get("HTTPStatusCode")
        or getattr(error, "code", None)
    )
    return isinstance(status, int) and 400 <= status < 600
