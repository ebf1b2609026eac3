"""The common core of `Warmer` and `AsyncWarmer`: prefixes, their state, single calls."""

from __future__ import annotations

import os
from concurrent.futures import Future
from functools import partial
from threading import RLock, Thread
from typing import TYPE_CHECKING, Any, cast

from prefixwarm.errors import UsageError
from prefixwarm.keepwarm.route_breaker import RouteBreaker
from prefixwarm.library.after_fork import renew_after_fork
from prefixwarm.library.client_argument import client_kind
from prefixwarm.library.prepared_prefix import PreparedPrefix, environ_of, prepare
from prefixwarm.library.single_flight import SingleFlight
from prefixwarm.library.steady_clock import steady_time
from prefixwarm.library.store_argument import open_store
from prefixwarm.library.warm_result import WarmResult, result_of, verified
from prefixwarm.library.worker_threads import WorkerThreads
from prefixwarm.life import refresh_after
from prefixwarm.prefix.prefix_definition import Prefix
from prefixwarm.prefix.prefix_file import PrefixFile
from prefixwarm.process_log import logger
from prefixwarm.settings import DISABLED, Settings
from prefixwarm.state.local_table import LocalTable
from prefixwarm.state.outcome import FAILED, SKIPPED, Outcome
from prefixwarm.warm.acquire import acquire_in_turn, without_lease
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.warm.error_classification import describe
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prefixwarm.library.prepared_prefix import AnyPrefix
    from prefixwarm.prices import OwnPrices
    from prefixwarm.provider.client import CallSender
    from prefixwarm.warm.attempt import Attempt


BY = "library"

_FOREVER = 4e9
# How long to wait for another process's call.
_WAIT_SECONDS = 30.0
# An entry that expires sooner may be gone when a request arrives.
_MARGIN_SECONDS = 5.0


class Options(Record):
    """A warmer's options; see `Warmer`."""

    store: Any = None
    prices: OwnPrices | None = None
    placeholder: str | None = None
    max_in_flight: int = 8
    timeout: float = 60.0
    clock: Callable[[], float] = steady_time


class WarmWish(Record):
    """The options of one warm call; see `Warmer.warm` and `Warmer.ensure_cached`."""

    force: bool = False
    verify: bool = False
    only_lapsed: bool = False


class WarmCalls:
    """Makes warm calls for a client's prefixes; safe with threads and after a fork."""

    def __init__(
        self,
        client: Any,
        prefixes: Iterable[AnyPrefix] | AnyPrefix,
        options: Options,
        *,
        awaits: bool,
    ) -> None:
        if not (options.max_in_flight >= 1 and options.timeout > 0):
            raise UsageError("max_in_flight must be at least 1, and timeout above 0 seconds")
        self.kind = client_kind(client)
        if self.kind.asynchronous and not awaits:
            raise UsageError(f"{self.kind.description} is asynchronous: use AsyncWarmer")
        self.store = open_store(options.store)
        self.clock = options.clock
        self.settings = Settings.from_environment()
        self.workers = WorkerThreads(options.max_in_flight)
        self.routes = self._route_breaker()
        self.prefixes: dict[str, PreparedPrefix] = {}
        self._sources: dict[str, AnyPrefix] = {}
        # Called with a prefix's name after a call for it.
        self.listeners: list[Callable[[str], None]] = []
        self._options = options
        self._flights: SingleFlight[WarmResult] = SingleFlight(self.workers)
        one = isinstance(prefixes, Prefix | PrefixFile | str | os.PathLike)
        for prefix in cast("Iterable[AnyPrefix]", [prefixes] if one else prefixes):
            prepared = self._prepare(prefix)
            if prepared.name in self.prefixes:
                raise UsageError(f"prefix {prepared.name}: two prefixes have this name; rename one")
            self.prefixes[prepared.name] = prepared
            self._sources[prepared.name] = prefix
        renew_after_fork(self)

    def prepared(self, prefix: str | Prefix | PrefixFile) -> PreparedPrefix:
        """Return the prefix of this name, or add a new one.

        Raises
        ------
        UsageError
            No prefix has the name, or a new one cannot be warmed.
        """
        if isinstance(prefix, Prefix | PrefixFile):
            if self._sources.get(prefix.name) is not prefix:
                self.prefixes[prefix.name] = self._prepare(prefix)
                self._sources[prefix.name] = prefix
            return self.prefixes[prefix.name]
        if prefix not in self.prefixes:
            names = ", ".join(self.prefixes) or "there is none"
            raise UsageError(f"prefix {prefix!r} is not one of the warmer's: {names}")
        return self.prefixes[prefix]

    def chosen(self, prefix: str | Prefix | PrefixFile | None) -> list[PreparedPrefix]:
        """Return one prefix as `prepared` does, or all; raises UsageError."""
        return [*self.prefixes.values()] if prefix is None else [self.prepared(prefix)]

    def begin(
        self, prefixes: Iterable[PreparedPrefix], wish: WarmWish, sender: CallSender
    ) -> list[tuple[Future[WarmResult], bool]]:
        """Begin a warm call for each prefix, or join the one in progress.

        Returns
        -------
        list of (future, bool)
            The future never raises. The second value is True if the call began.
        """
        return [self._begin(prepared, wish, sender) for prepared in prefixes]

    def _begin(
        self, prepared: PreparedPrefix, wish: WarmWish, sender: CallSender
    ) -> tuple[Future[WarmResult], bool]:
        work = partial(self._result, prepared, wish, sender)
        try:
            same = (prepared.key, wish.force, wish.verify, wish.only_lapsed)
            return self._flights.join(same, work)
        except RuntimeError as error:
            future: Future[WarmResult] = Future()
            future.set_result(self._without_call(prepared, FAILED, f"no thread: {error}"))
            return future, True

    def make(
        self,
        prepared: PreparedPrefix,
        options: CallOptions,
        sender: CallSender,
        *,
        in_turn: bool = True,
    ) -> Attempt:
        """Acquire, send and record one warm call in this thread; may raise StateError.

        `in_turn`: whether to wait for another caller's call.
        """
        deadline = Deadline.after(self._options.timeout)
        wait = deadline.earliest(_WAIT_SECONDS if in_turn else 0.0)
        call = prepared.call
        attempt = acquire_in_turn(call, options, self.store, deadline, self.clock, wait=wait)
        if attempt.granted:
            attempt.send(sender)
            if attempt.classification:
                self.routes.note(call.route, attempt.classification, attempt.outcome.reason)
            attempt.record()
        return attempt

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment with the region of the client's cache."""
        return environ_of(self.kind)

    def renew(self) -> None:
        """Replace locks that another thread may have held."""
        self.routes = self._route_breaker()
        table = getattr(self.store, "table", None)
        if isinstance(table, LocalTable):
            table.lock = RLock()

    def _route_breaker(self) -> RouteBreaker:
        return RouteBreaker(self.store, self.settings.cache_scope, self.environ, self.clock)

    def _result(self, prepared: PreparedPrefix, wish: WarmWish, sender: CallSender) -> WarmResult:
        """Make a requested call; never raises."""
        if self.settings.disabled:
            return self._without_call(prepared, SKIPPED, f"{DISABLED} is set: nothing is sent")
        if pause := self.routes.pause(prepared.call.route):
            reason = f"route {prepared.call.route} paused: {pause.reason}"
            return self._without_call(prepared, SKIPPED, reason)
        options = self._call_options(prepared, wish)
        try:
            attempt = self.make(prepared, options, sender)
        except Exception as error:  # noqa: BLE001 - an unreachable state must not fail the caller
            return self._without_call(prepared, FAILED, describe(error))
        result = result_of(prepared, attempt.outcome, attempt.state.life.warm_until)
        if wish.verify and result.ok:
            result = verified(result, self._read_again(prepared, options, attempt, sender))
        if result.calls:
            for listener in list(self.listeners):
                listener(prepared.name)
        return result

    def _read_again(
        self, prepared: PreparedPrefix, options: CallOptions, attempt: Attempt, sender: CallSender
    ) -> Outcome:
        """Make a second call, to read what the first one wrote."""
        state, outcome = attempt.state, attempt.outcome
        if outcome.calls:
            life = state.life.replace(
                granted_ttl=outcome.granted_ttl, max_tokens=outcome.max_tokens
            )
            state = state.replace(life=life)
        deadline = Deadline.after(self._options.timeout)
        again = without_lease(
            prepared.call, deadline, self.clock, options=options, store=self.store, state=state
        )
        again.send(sender)
        return again.record()

    def _call_options(self, prepared: PreparedPrefix, wish: WarmWish) -> CallOptions:
        now, ttl = self.clock(), prepared.call.ttl
        needed_until = now + (_MARGIN_SECONDS if wish.only_lapsed else ttl - refresh_after(ttl))
        return CallOptions(
            key=prepared.key,
            owner=f"{BY}-{os.getpid()}-{os.urandom(8).hex()}",
            needed_until=_FOREVER if wish.force else needed_until,
            by=BY,
            deployment=self.settings.deployment,
        )

    def _without_call(self, prepared: PreparedPrefix, kind: str, reason: str) -> WarmResult:
        outcome = Outcome(
            name=prepared.name, kind=kind, reason=reason, started_at=self.clock(), cost_usd=0.0
        )
        return result_of(prepared, outcome)

    def _prepare(self, prefix: AnyPrefix) -> PreparedPrefix:
        return prepare(
            prefix,
            self.kind,
            self.settings.cache_scope,
            prices=self._options.prices,
            placeholder=self._options.placeholder,
        )


def started(warm: Callable[[], list[WarmResult]]) -> Future[list[WarmResult]]:
    """Run `warm` in a thread; failures are logged, not raised."""
    future: Future[list[WarmResult]] = Future()
    future.set_running_or_notify_cancel()
    try:
        Thread(
            target=lambda: future.set_result(_logged(warm)), name="prefixwarm-start", daemon=True
        ).start()
    except RuntimeError as error:
        logger.warning("nothing is warmed: %s", error)
        future.set_result([])
    return future


def _logged(warm: Callable[[], list[WarmResult]]) -> list[WarmResult]:
    try:
        results = warm()
    except Exception as error:  # noqa: BLE001 - the result may not be awaited
        logger.warning("nothing is warmed: %s", describe(error))
        return []
    log_failures(results)
    return results


def log_failures(results: Iterable[WarmResult]) -> None:
    """Log prefixes that are not warm, and why."""
    for result in results:
        if not result.ok:
            logger.warning(
                "prefix %s was not warmed: %s: %s", result.name, result.outcome, result.reason
            )


def shared(result: WarmResult) -> WarmResult:
    """The result for a caller that joined another caller's call."""
    why = "warm: by a call of this process" if result.ok else f"not warm: {result.reason}"
    return WarmResult(
        name=result.name,
        model=result.model,
        outcome=SKIPPED,
        reason=why,
        granted_ttl=result.granted_ttl,
        warm_until=result.warm_until if result.ok else None,
        started_at=result.started_at,
    )
