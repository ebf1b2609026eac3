"""Looks at what is due: files, traffic, and what the policy makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.errors import PrefixFileError
from prefixwarm.keepwarm import rewrite_breaker
from prefixwarm.keepwarm.calls import Order
from prefixwarm.keepwarm.candidate import Case, fraction
from prefixwarm.keepwarm.invocations import TrafficError, invocations
from prefixwarm.keepwarm.logs import logger
from prefixwarm.state.model import KEEPWARM, METRIC, Check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from prefixwarm.keepwarm.budget import Budget
    from prefixwarm.keepwarm.catalog import Fleet
    from prefixwarm.keepwarm.dependencies import Parts
    from prefixwarm.keepwarm.manifest import Entry
    from prefixwarm.keepwarm.route_breaker import Pauses
    from prefixwarm.keepwarm.tick_report import Report
    from prefixwarm.policy import Decision
    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.state.model import State
    from prefixwarm.wire.deadline import Deadline

__all__ = ["Look"]

# How soon a prefix is looked at again whose file cannot be used.
BROKEN_SECONDS = 600.0

# A pause shorter than this is waited out: the prefix stays due.
PATIENCE_SECONDS = 120.0


class Look:
    """One tick's look at the states that are due."""

    def __init__(
        self, parts: Parts, fleet: Fleet, report: Report, pool: Executor, deadline: Deadline
    ) -> None:
        self._parts = parts
        self._fleet = fleet
        self._report = report
        self._pool = pool
        self._deadline = deadline
        self._now = parts.clock()

    def cases(self, states: Sequence[State]) -> list[Case]:
        """The prefixes that may be warmed; the others are retired or put off."""
        return [case for case in self._pool.map(self.case, states) if case]

    def case(self, state: State) -> Case | None:
        """The prefix if it may be warmed; else None, and it is retired or put off."""
        entry = self._fleet.entries.get(state.key) or self._earlier(state)
        if entry is not None and not state.leased(self._now):
            if held := self._held_until(state):
                self._put_off(state, *held)
            else:
                return self._case(state, entry)
        return None

    def orders(self, cases: Sequence[Case], pauses: Pauses) -> list[Order]:
        """The calls that are due now; of the others the next check is noted."""
        now = self._now
        decided = [(case, case.decision(now)) for case in cases]
        waiting = [(case, decision) for case, decision in decided if decision.action == "wait"]
        asked = self._with_traffic([case for case, d in decided if d.action != "wait"])
        orders: list[Order] = []
        for case in asked:
            decision = case.decision(now)
            if not decision.sends:
                waiting.append((case, decision))
            elif pause := pauses.until(case.call.route):
                self._pause(case, *pause)
            else:
                orders.append(Order(case, decision))
        self._each(lambda pair: self._note(*pair), waiting)
        return orders

    def affordable(self, orders: Sequence[Order], budget: Budget) -> list[Order]:
        """Those that the budget allows, in their order; of the others the next check is noted."""
        found: list[Order] = []
        resting: list[tuple[Case, Decision]] = []
        for case in (order.case for order in orders):
            left = budget.left(case.state.key, case.entry, self._deadline)
            decision = case.decision(self._now, left)
            if decision.sends:
                budget.reserve(case.cost_usd(self._now, decision.ttl))
                found.append(Order(case, decision))
            else:
                self._report.budget_reached += 1
                logger.warning("budget", prefix=case.entry.name, why=decision.reason)
                resting.append((case, decision))
        self._each(lambda pair: self._note(*pair), resting)
        return found

    def _each(self, work: Callable[..., None], items: Sequence[object]) -> None:
        list(self._pool.map(work, items))

    def _earlier(self, state: State) -> Entry | None:
        """An earlier version of a prefix that is still in use; what else is unknown is retired."""
        if not self._fleet.judges(state):
            return None
        entry, why = self._fleet.superseded.entry(state, self._now)
        if entry is None:
            self._retire(state, why)
        return entry

    def _retire(self, state: State, why: str) -> None:
        logger.info("not kept warm any more", prefix=state.name, key=state.key, why=why)
        self._parts.store.retire(state.key, self._deadline)

    def _held_until(self, state: State) -> tuple[float, str] | None:
        """Until when a prefix is held back, and why: back-off or circuit breaker."""
        if state.held_back(self._now, KEEPWARM):
            return state.backoff_until or 0.0, state.reason
        if refusal := rewrite_breaker.refusal(state, self._now):
            return state.tripped_until or 0.0, refusal
        return None

    def _call(self, state: State, entry: Entry) -> WarmCall | None:
        """Its warm call, if its file can be used; else it is put off, an earlier one retired."""
        if entry.superseded:
            try:
                return self._fleet.earlier_call(state.key, entry)
            except PrefixFileError as error:
                self._retire(state, f"superseded, and its file cannot be used: {error}")
                return None
        call = self._fleet.call(entry)
        if call is None:
            problem = f"its prefix file cannot be used: {self._fleet.broken[entry.name]}"
            self._put_off(state, self._now + BROKEN_SECONDS, problem)
        return call

    def _case(self, state: State, entry: Entry) -> Case | None:
        call = self._call(state, entry)
        if call is None:
            return None
        manifest = self._fleet.manifest
        return Case(
            state=state,
            entry=entry,
            call=call,
            policy=manifest.policy,
            latency_value=self._parts.settings.latency_value or manifest.latency_value,
            prefixes=len(manifest.entries),
        )

    def _put_off(self, state: State, until: float, reason: str) -> None:
        check = Check(at=self._now, due_at=until, reason=reason)
        self._parts.store.plan(state.key, check, self._deadline)

    def _with_traffic(self, cases: Sequence[Case]) -> list[Case]:
        """Ask for real traffic, once for all; what is seen ends the silence."""
        minutes = self._minutes(set().union(*(case.senders for case in cases)))
        found = [
            case.with_traffic(sorted({at for f in case.senders for at in minutes[f]}), self._now)
            for case in cases
        ]
        self._each(self._saw_traffic, [case for case in found if case.evidence == METRIC])
        return found

    def _minutes(self, functions: set[str]) -> dict[str, list[float]]:
        try:
            return invocations(self._parts.cloudwatch, sorted(functions), self._now)
        except TrafficError as error:
            self._report.traffic_unavailable = True
            logger.warning("invocations are unknown: silences may look longer", why=str(error))
            return {name: [] for name in functions}

    def _saw_traffic(self, case: Case) -> None:
        at = case.state.traffic_at or self._now
        self._parts.store.saw_traffic(case.state.key, at, METRIC, self._deadline)

    def _pause(self, case: Case, until: float, reason: str) -> None:
        if until - self._now > PATIENCE_SECONDS:
            later = until + 60 * fraction(case.entry.name)
            self._put_off(case.state, later, f"route {case.call.route} paused: {reason}")

    def _note(self, case: Case, decision: Decision) -> None:
        logger.info(
            decision.action,
            prefix=case.entry.name,
            why=decision.reason,
            traffic=case.evidence or "none seen",
            next_check=decision.next_check,
        )
        store, key = self._parts.store, case.state.key
        if decision.next_check is None:
            store.retire(key, self._deadline)
            return
        check = Check(
            at=self._now,
            due_at=max(decision.next_check, self._now + 1),
            reason=decision.reason,
            learned=case.learned_text,
            wanted_ttl=decision.ttl,
        )
        store.plan(key, check, self._deadline)
