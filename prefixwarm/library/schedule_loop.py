"""The common core of `WarmSchedule` and `AsyncWarmSchedule`: when to check which prefix."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from functools import partial
from threading import Condition, Event
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.library.after_fork import renew_after_fork
from prefixwarm.library.schedule_checks import ScheduleChecks
from prefixwarm.library.schedule_policy import schedule_policy
from prefixwarm.library.traffic_reports import TrafficReports
from prefixwarm.library.warm_result import sum_usd
from prefixwarm.library.warm_status import WarmStatus
from prefixwarm.process_log import logger
from prefixwarm.state.memory import MemoryState
from prefixwarm.warm.error_classification import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.library.schedule_checks import Checked
    from prefixwarm.library.warm_calls import WarmCalls
    from prefixwarm.policy import Policy
    from prefixwarm.provider.client import CallSender


# Read the clock at least this often, because the machine may have slept meanwhile.
_LONGEST_WAIT = 30.0
_SHORTEST_WAIT = 0.05
# Delay of the check after a traffic report, so that not every request causes one.
_REPORTED_SECONDS = 2.0
_AFTER_FAILURE = 60.0


class ScheduleLoop:
    """Checks prefixes when they are due; safe with threads and after a fork.

    Parameters
    ----------
    calls : WarmCalls
        Makes the warm calls.
    policy, interval_seconds
        See `schedule_policy`.
    on_event : callable, optional
        Receives the status after each warm call, and when the reason for not making one changes.
    wake : callable
        Wakes the waiter for the next check, from any thread.
    """

    def __init__(
        self,
        calls: WarmCalls,
        policy: str | Policy | Mapping[str, Any] | None,
        interval_seconds: float | None,
        on_event: Callable[[WarmStatus], object] | None,
        wake: Callable[[], None],
    ) -> None:
        self.calls = calls
        self.policy = schedule_policy(policy, interval_seconds, calls.prefixes.values())
        self.wake = wake
        self.traffic = TrafficReports(calls, self.check_soon)
        self._checks = ScheduleChecks(calls, self.policy)
        self._on_event = on_event
        self._pid = os.getpid()
        self._status = {name: WarmStatus(name=name) for name in calls.prefixes}
        self._due: dict[str, float | None] = dict.fromkeys(calls.prefixes, 0.0)
        self._checking: set[str] = set()
        self.listen()
        self.renew()
        renew_after_fork(self)

    def renew(self) -> None:
        """Replace the lock; keep the state, and repeat what another thread was doing."""
        self.changed = Condition()
        self._due.update(dict.fromkeys(self._checking, 0.0))
        self._checking.clear()

    def warn_of_fork(self) -> None:
        """Warn once in a forked process if it shares no store."""
        if self._pid == os.getpid():
            return
        self._pid = os.getpid()
        if isinstance(self.calls.store, MemoryState):
            logger.warning(
                "forked: this process makes its own warm calls; to share them, give the "
                "warmer a store, such as pathlib.Path('warm-state.json')"
            )

    def status(self, name: str) -> WarmStatus:
        """Return the status of one prefix.

        Raises
        ------
        UsageError
            It is not one of the schedule's.
        """
        with self.changed:
            status = self._status.get(name)
        if status is None:
            names = ", ".join(self._status)
            raise UsageError(f"prefix {name!r} is not one of the schedule's: {names}")
        return status.replace(warm=(status.warm_until or 0.0) > self.calls.clock())

    def names(self, prefix: str | None = None) -> list[str]:
        """The names of its prefixes; of one, that name alone."""
        return list(self._status) if prefix is None else [prefix]

    def is_warm(self, name: str, seconds: float) -> bool | None:
        """Whether a prefix is warm; None if a check within these seconds may make it so."""
        if self.status(name).warm:
            return True
        with self.changed:
            due = self._due[name]
            pending = name in self._checking
        pending = pending or (due is not None and due <= self.calls.clock() + seconds)
        return None if pending and seconds > 0 else False

    def check_soon(self, name: str) -> None:
        """Check a prefix as soon as its state is up to date."""
        soon = self.calls.clock() + _REPORTED_SECONDS
        with self.changed:
            due = self._due.get(name)
            if name in self._due and (due is None or due > soon):
                self._due[name] = soon
        self.wake()

    def wait_seconds(self) -> float:
        """Seconds to wait for the next check, or to read the clock again."""
        with self.changed:
            times = [due for due in self._due.values() if due is not None]
        seconds = min(times, default=0.0) - self.calls.clock() if times else _LONGEST_WAIT
        return min(max(seconds, _SHORTEST_WAIT), _LONGEST_WAIT)

    def run_due(self, sender: CallSender) -> None:
        """Run the due checks concurrently and wait for them; never raises.

        Then calls `on_event` in this thread, which may make warm calls itself.
        """
        now = self.calls.clock()
        with self.changed:
            names = [name for name, due in self._due.items() if due is not None and due <= now]
            # When the next check runs if this one fails unexpectedly.
            self._due.update(dict.fromkeys(names, now + _AFTER_FAILURE))
            self._checking.update(names)
        changed: list[WarmStatus] = []
        checks = [(partial(self._check, name, sender, changed.append), Event()) for name in names]
        for check, done in checks:
            self._begin(check, done)
        for _, done in checks:
            done.wait()
        for status in changed:
            self._notify(status)

    def _begin(self, check: Callable[[], None], done: Event) -> None:
        def run() -> None:
            try:
                check()
            finally:
                done.set()

        try:
            self.calls.workers.do(run)
        except RuntimeError:
            run()

    def _check(self, name: str, sender: CallSender, report: Callable[[WarmStatus], object]) -> None:
        try:
            checked = self._checks.check(self.calls.prefixes[name], sender)
            status, has_changed = self._noted(name, checked)
        except Exception as error:  # noqa: BLE001 - the host program must go on
            logger.warning("prefix %s is not checked: %s", name, describe(error))
            return
        finally:
            with self.changed:
                self._checking.discard(name)
                self.changed.notify_all()
        if has_changed:
            report(status)

    def _notify(self, status: WarmStatus) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(status)
        except Exception as error:  # noqa: BLE001 - user code may raise anything
            logger.warning("on_event failed for prefix %s: %s", status.name, describe(error))

    def _noted(self, name: str, checked: Checked) -> tuple[WarmStatus, bool]:
        """Store the result of a check; return the status and whether it changed."""
        with self.changed:
            before, outcome = self._status[name], checked.outcome
            status = before.replace(
                warm_until=checked.warm_until or before.warm_until,
                next_check=checked.next_check,
                reason=checked.reason,
            )
            if outcome is not None:
                status = status.replace(
                    outcome=outcome.kind,
                    at=outcome.started_at,
                    cost_usd=sum_usd(before.cost_usd, outcome.cost_usd),
                )
            status = status.replace(warm=(status.warm_until or 0.0) > self.calls.clock())
            self._status[name] = status
            self._due[name] = checked.next_check
        has_changed = outcome is not None or before.reason != status.reason
        if has_changed:
            _log(status, checked)
        return status, has_changed

    def listen(self) -> None:
        """Start listening to the warmer's own calls."""
        if self.check_soon not in self.calls.listeners:
            self.calls.listeners.append(self.check_soon)

    def close(self) -> None:
        """Stop listening."""
        with suppress(ValueError):
            self.calls.listeners.remove(self.check_soon)


def _log(status: WarmStatus, checked: Checked) -> None:
    outcome = checked.outcome
    failed = checked.trouble or (outcome is not None and not outcome.ok)
    done = "no call" if outcome is None else outcome.kind
    level = logging.WARNING if failed else logging.DEBUG
    logger.log(level, "prefix %s: %s: %s", status.name, done, status.reason)
