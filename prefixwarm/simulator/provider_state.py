"""Holds the state of a simulated provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.simulator import clock, limits, oauth, request_log
from prefixwarm.simulator.cache import Cache
from prefixwarm.simulator.diagnostics import Diagnoses
from prefixwarm.simulator.ids import Ids
from prefixwarm.simulator.ledger import Ledger

if TYPE_CHECKING:
    from prefixwarm.simulator.faults import Fault
    from prefixwarm.simulator.request_log import Record
    from prefixwarm.simulator.settings import Settings


class ProviderState:
    """The cache, clock, keys, limits, faults and requests of a simulated provider.

    Not thread-safe: only the server's thread uses it.

    Parameters
    ----------
    settings : Settings
        Its initial settings.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.switches = settings.switches
        self.clock = clock.make(settings.clock)
        self.ids = Ids(settings.seed)
        self.cache = Cache()
        self.tokens = oauth.Tokens(self.ids)
        # In order of injection.
        self.faults: list[Fault] = []
        self.ledger: Ledger = Ledger()
        self.buckets = limits.Buckets(settings.limits)
        # Batches and their results (as JSON lines), by organization and batch id.
        self.batches: dict[tuple[str, str], tuple[dict[str, Any], bytes]] = {}
        self.diagnoses = Diagnoses()
        self.log = request_log.Log(settings.keep_requests, settings.keep_bytes)

    def reset(self) -> None:
        """Clear entries, requests, faults, limits and dollars; keep time and switches."""
        stores = (self.cache, self.tokens, self.faults, self.ledger, self.buckets, self.diagnoses)
        for store in (*stores, self.batches, self.log):
            store.clear()

    def fault(self, record: Record) -> Fault | None:
        """Return the fault that applies to a request, if the request still takes effect.

        Raises
        ------
        ApiError, Dropped
            The request does not take effect.
        """
        fault = next((fault for fault in self.faults if fault.strikes(record)), None)
        if fault is not None:
            record.fault = fault.kind
            fault.before()
        return fault
