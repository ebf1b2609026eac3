"""Refuses a call that could cost more than is left of its budget."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from prefixwarm.errors import BudgetExceeded, StateError, UsageError
from prefixwarm.keepwarm.budget import day_of, total_key
from prefixwarm.library.after_fork import renew_after_fork
from prefixwarm.library.call_estimate import CallEstimate, estimate_call
from prefixwarm.library.gated_call import GatedCall, was_refused
from prefixwarm.library.store_argument import open_store
from prefixwarm.process_log import logger
from prefixwarm.state.keepwarm_model import Limits, Reservation
from prefixwarm.state.memory import MemoryState
from prefixwarm.usage.stream_taps import tap_reply
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from prefixwarm.library.store_argument import Store
    from prefixwarm.prices import OwnPrices
    from prefixwarm.state.store import StateStore
    from prefixwarm.usage.reading import Reading

_Reply = TypeVar("_Reply")
_STORE_SECONDS = 3.0
_OUTPUT_TOKENS = 4096
# How long to avoid a store that failed: each request to it may take its whole timeout.
_PAUSE_SECONDS = 30.0


class CostGate:
    """A budget in dollars or tokens for model calls, per call and per UTC day.

    Before a call is sent, the most it can cost is estimated and reserved; afterwards its bill
    replaces the reservation. An unsettled reservation counts as spent, so a killed process cannot
    exceed the budget. Threads share the budget; with `store`, so do processes and machines.

    Parameters
    ----------
    usd_per_day, usd_per_call : float, optional
        US dollars; None is no limit. A call of unknown price exceeds any.
    tokens_per_day, tokens_per_call : int, optional
        Tokens of prompts and replies.
    name : str
        The budget's name; gates with the same name and store share it.
    store : str, path or StateStore, optional
        Where to keep the budget, see `Warmer`; by default in this process. While the store cannot
        be reached, the limits apply to this process alone, with a log line.
    deployment : str, optional
        The deployment whose keep-warm function shares the daily budget in dollars, with its table
        as `store`.
    prices : mapping, optional
        Your own prices, see `prefixwarm.prices.price`.
    output_tokens : int
        The assumed output of a call that sets no limit.
    clock : callable
        Returns epoch seconds.

    Raises
    ------
    UsageError
        There is no limit, or one is not a positive number.

    Examples
    --------
    >>> gate = CostGate(usd_per_day=5, usd_per_call=0.05)
    >>> request = {"model": "claude-opus-5-5", "max_tokens": 100_000, "messages": []}
    >>> gate.check(request)
    Traceback (most recent call last):
    prefixwarm.errors.BudgetExceeded: the call was not sent: it would cost up to $2.00, ...
    """

    def __init__(
        self,
        *,
        usd_per_day: float | None = None,
        usd_per_call: float | None = None,
        tokens_per_day: int | None = None,
        tokens_per_call: int | None = None,
        name: str = "default",
        store: Store = None,
        deployment: str | None = None,
        prices: OwnPrices | None = None,
        output_tokens: int = _OUTPUT_TOKENS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.usd_per_day, self.usd_per_call = usd_per_day, usd_per_call
        self.tokens_per_day, self.tokens_per_call = tokens_per_day, tokens_per_call
        _refuse(self)
        self._key = f"budget/gate/{name}"
        self._total = self._key if deployment is None else total_key(deployment)
        self._store = open_store(store)
        self._here: StateStore | None = None
        self._asked_again_at = 0.0
        self._prices = prices
        self._output = output_tokens
        self._clock = clock
        renew_after_fork(self)

    def renew(self) -> None:
        """See `Renewable`; past spending is kept."""
        for store in (self._store, self._here):
            if isinstance(store, MemoryState):
                store.table.lock = RLock()

    def estimate(self, request: Mapping[str, Any], *, model: str | None = None) -> CallEstimate:
        """Estimate the most a call can cost.

        Parameters
        ----------
        request : mapping
            Its body, or the arguments of the function that sends it: of the Messages API,
            Converse, OpenAI or google-genai.
        model : str, optional
            By default the model in the request.
        """
        return estimate_call(request, model, output_tokens=self._output, prices=self._prices)

    def check(self, request: Mapping[str, Any], *, model: str | None = None) -> CallEstimate:
        """Estimate a call, and raise BudgetExceeded if it would be refused now."""
        estimate = self.estimate(request, model=model)
        self._check_call(estimate)
        usd, tokens = self.spent()
        for unit, spent, cap, cost in (
            ("usd", usd, self.usd_per_day, estimate.usd),
            ("tokens", tokens, self.tokens_per_day, estimate.tokens),
        ):
            if cap is not None and (cost is None or spent + cost > cap):
                raise BudgetExceeded(unit, "day", spent, cap, cost)
        return estimate

    def reserve(self, request: Mapping[str, Any], *, model: str | None = None) -> GatedCall:
        """Reserve the most a call can cost; settle or release it afterwards.

        Raises
        ------
        BudgetExceeded
            It could cost more than is left of its budget; nothing is reserved.
        """
        estimate = self.estimate(request, model=model)
        self._check_call(estimate)
        now = self._clock()
        reservation = Reservation(
            key=self._key,
            total=self._total,
            day=day_of(now),
            at=now,
            usd=estimate.usd or 0.0,
            tokens=estimate.tokens,
        )
        limits = Limits(
            total_usd=self.usd_per_day if self._total != self._key else None,
            own_usd=self.usd_per_day if self._total == self._key else None,
            own_tokens=self.tokens_per_day,
        )
        store, done = self._reserve(reservation, limits)
        if not done:
            raise self._exceeded(store, estimate)
        return GatedCall(estimate, reservation, store, self._prices)

    @contextmanager
    def call(self, request: Mapping[str, Any], *, model: str | None = None) -> Iterator[GatedCall]:
        """Reserve the most a call can cost during the ``with`` block that sends it.

        Call `settle` with the reply inside the block. If the block raises because the provider
        refused the call, the reservation is released; otherwise an unsettled call counts as spent.
        """
        gated = self.reserve(request, model=model)
        try:
            yield gated
        except BaseException as error:
            if was_refused(error):
                gated.release()
            raise

    def run(self, send: Callable[..., _Reply], /, **request: Any) -> _Reply:
        """Send a request through the gate: ``gate.run(client.messages.create, **request)``.

        A stream is settled once it has been read.
        """
        with self.call(request) as gated:
            return tap_reply(send(**request), gated.settle)

    async def run_async(self, send: Callable[..., Awaitable[_Reply]], /, **request: Any) -> _Reply:
        """Like `run`, for an asynchronous client; the store is used in a thread."""
        import asyncio

        gated = await asyncio.to_thread(self.reserve, request)
        try:
            reply = await send(**request)
        except BaseException as error:
            if was_refused(error):
                await asyncio.to_thread(gated.release)
            raise

        loop, settling = asyncio.get_running_loop(), []

        def settle(reading: Reading | None) -> None:
            settling.append(loop.run_in_executor(None, gated.settle, reading))

        handed_on = tap_reply(reply, settle)
        await asyncio.gather(*settling)
        return handed_on

    def spent(self) -> tuple[float, int]:
        """Return the US dollars and tokens spent or reserved in this UTC day."""
        try:
            return self._spent(self._here or self._store)
        except StateError:
            return self._spent(self._local())

    def _check_call(self, estimate: CallEstimate) -> None:
        """Raise if a call exceeds the per-call limit, or has an unknown price under a dollar
        limit."""
        if estimate.usd is None and (self.usd_per_day or self.usd_per_call) is not None:
            period = "call" if self.usd_per_call is not None else "day"
            cap = self.usd_per_call if self.usd_per_call is not None else self.usd_per_day
            raise BudgetExceeded("usd", period, 0.0, cap or 0.0, None)
        for unit, cap, cost in (
            ("usd", self.usd_per_call, estimate.usd),
            ("tokens", self.tokens_per_call, estimate.tokens),
        ):
            if cap is not None and cost is not None and cost > cap:
                raise BudgetExceeded(unit, "call", 0.0, cap, cost)

    def _reserve(self, reservation: Reservation, limits: Limits) -> tuple[StateStore, bool]:
        if self._here is None or reservation.at >= self._asked_again_at:
            try:
                done = self._store.reserve(reservation, limits, Deadline.after(_STORE_SECONDS))
            except StateError as error:
                if self._here is None:
                    logger.warning("CostGate: %s; its limits apply to this process alone", error)
                self._asked_again_at = reservation.at + _PAUSE_SECONDS
            else:
                self._here = None
                return self._store, done
        here = self._local()
        return here, here.reserve(reservation, limits, Deadline.after(_STORE_SECONDS))

    def _local(self) -> StateStore:
        """This process's own budget, used while the store cannot be reached."""
        if self._here is None:
            self._here = MemoryState()
        return self._here

    def _spent(self, store: StateStore) -> tuple[float, int]:
        day = day_of(self._clock())
        deadline = Deadline.after(_STORE_SECONDS)
        ledgers = {key: store.ledger(key, [day], deadline) for key in {self._key, self._total}}
        usd = sum(max(one.committed_usd, one.spent_usd) for one in ledgers[self._total])
        return usd, sum(one.committed_tokens for one in ledgers[self._key])

    def _exceeded(self, store: StateStore, estimate: CallEstimate) -> BudgetExceeded:
        """The error for the daily limit that the call exceeds."""
        usd, tokens = self._spent(store)
        cap, most = self.usd_per_day, self.tokens_per_day
        if most is not None and (cap is None or usd + (estimate.usd or 0.0) <= cap):
            return BudgetExceeded("tokens", "day", tokens, most, estimate.tokens)
        return BudgetExceeded("usd", "day", usd, cap or 0.0, estimate.usd)


def _refuse(gate: CostGate) -> None:
    limits = {
        name: value for name, value in vars(gate).items() if "_per_" in name and value is not None
    }
    if not limits:
        raise UsageError("CostGate: no limit is set; give usd_per_day, tokens_per_call, ...")
    for name, value in limits.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value < 1e12:
            raise UsageError(f"CostGate: {name} is not a positive number")
