"""Looks at what is due: files, traffic, and what the policy makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.errors import PrefixFileError
from prefixwarm.keepwarm import rewrite_breaker
from prefixwarm.keepwarm.calls import PlannedCall
from prefixwarm.keepwarm.candidate import Candidate, fraction
from prefixwarm.keepwarm.invocations import TrafficError, invocations
from prefixwarm.keepwarm.logs import logger
from prefixwarm.state.model import KEEPWARM, METRIC, Check

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from prefixwarm.keepwarm.budget import Budget
    from prefixwarm.keepwarm.catalog import PrefixCatalog
    from prefixwarm.keepwarm.dependencies import Dependencies
    from prefixwarm.keepwarm.route_breaker import RouteBreaker
    from prefixwarm.keepwarm.tick_report import TickReport
    from prefixwarm.policy import Decision
    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.prefix.manifest import Entry
    from prefixwarm.state.model import State
    from prefixwarm.wire.deadline import Deadline


# How soon a prefix is looked at again whose file cannot be used.
BROKEN_SECONDS = 600.0

# A pause shorter than this is waited out: the prefix stays due.
PATIENCE_SECONDS = 120.0


class CandidateSelector:
    """One tick's look at the states that are due."""

    def __init__(
        self,
        dependencies: Dependencies,
        catalog: PrefixCatalog,
        report: TickReport,
        pool: Executor,
        deadline: Deadline,
    ) -> None:
        self._dependencies = dependencies
        self._catalog = catalog
        self._report = report
        self._pool = pool
        self._deadline = deadline
        self._now = dependencies.clock()

    def candidates(self, states: Sequence[State]) -> list[Candidate]:
        """The prefixes that may be warmed; the others are retired or put off."""
        return [candidate for candidate in self._pool.map(self.candidate, states) if candidate]

    def candidate(self, state: State) -> Candidate | None:
        """The prefix if it may be warmed; else None, and it is retired or put off."""
        entry = self._catalog.entries.get(state.key) or self._earlier(state)
        if entry is not None and not state.leased(self._now):
            if held := self._held_until(state):
                self._put_off(state, *held)
            else:
                return self._case(state, entry)
        return None

    def planned_calls(
        self, candidates: Sequence[Candidate], route_breaker: RouteBreaker
    ) -> list[PlannedCall]:
        """The calls that are due now; of the others the next check is noted."""
        now = self._now
        decided = [(candidate, candidate.decision(now)) for candidate in candidates]
        waiting = [
            (candidate, decision) for candidate, decision in decided if decision.action == "wait"
        ]
        asked = self._with_traffic([candidate for candidate, d in decided if d.action != "wait"])
        planned_calls: list[PlannedCall] = []
        for candidate in asked:
            decision = candidate.decision(now)
            if not decision.sends:
                waiting.append((candidate, decision))
            elif pause := route_breaker.until(candidate.call.route):
                self._pause(candidate, *pause)
            else:
                planned_calls.append(PlannedCall(candidate, decision))
        self._each(lambda pair: self._note(*pair), waiting)
        return planned_calls

    def affordable(self, planned_calls: Sequence[PlannedCall], budget: Budget) -> list[PlannedCall]:
        """Those that the budget allows, in their order; of the others the next check is noted."""
        found: list[PlannedCall] = []
        resting: list[tuple[Candidate, Decision]] = []
        for candidate in (planned.candidate for planned in planned_calls):
            left = budget.left(candidate.state.key, candidate.entry, self._deadline)
            decision = candidate.decision(self._now, left)
            if decision.sends:
                budget.reserve(candidate.cost_usd(self._now, decision.ttl))
                found.append(PlannedCall(candidate, decision))
            else:
                self._report.budget_reached += 1
                logger.warning("budget", prefix=candidate.entry.name, why=decision.reason)
                resting.append((candidate, decision))
        self._each(lambda pair: self._note(*pair), resting)
        return found

    def _each(self, work: Callable[..., None], items: Sequence[object]) -> None:
        list(self._pool.map(work, items))

    def _earlier(self, state: State) -> Entry | None:
        """An earlier version of a prefix that is still in use; what else is unknown is retired."""
        if not self._catalog.judges(state):
            return None
        entry, why = self._catalog.old_versions.entry(state, self._now)
        if entry is None:
            self._retire(state, why)
        return entry

    def _retire(self, state: State, why: str) -> None:
        logger.info("not kept warm any more", prefix=state.name, key=state.key, why=why)
        self._dependencies.store.retire(state.key, self._deadline)

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
                return self._catalog.earlier_call(state.key, entry)
            except PrefixFileError as error:
                self._retire(state, f"superseded, and its file cannot be used: {error}")
                return None
        call = self._catalog.call(entry)
        if call is None:
            problem = f"its prefix file cannot be used: {self._catalog.broken[entry.name]}"
            self._put_off(state, self._now + BROKEN_SECONDS, problem)
        return call

    def _case(self, state: State, entry: Entry) -> Candidate | None:
        call = self._call(state, entry)
        if call is None:
            return None
        manifest = self._catalog.manifest
        return Candidate(
            state=state,
            entry=entry,
            call=call,
            policy=manifest.policy,
            latency_value=self._dependencies.settings.latency_value or manifest.latency_value,
            prefixes=len(manifest.entries),
        )

    def _put_off(self, state: State, until: float, reason: str) -> None:
        check = Check(at=self._now, due_at=until, reason=reason)
        self._dependencies.store.plan(state.key, check, self._deadline)

    def _with_traffic(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Ask for real traffic, once for all; what is seen ends the silence."""
        minutes = self._minutes(set().union(*(candidate.senders for candidate in candidates)))
        found = [
            candidate.with_traffic(
                sorted({at for f in candidate.senders for at in minutes[f]}), self._now
            )
            for candidate in candidates
        ]
        self._each(
            self._saw_traffic, [candidate for candidate in found if candidate.evidence == METRIC]
        )
        return found

    def _minutes(self, functions: set[str]) -> dict[str, list[float]]:
        try:
            return invocations(self._dependencies.cloudwatch, sorted(functions), self._now)
        except TrafficError as error:
            self._report.traffic_unavailable = True
            logger.warning("invocations are unknown: silences may look longer", why=str(error))
            return {name: [] for name in functions}

    def _saw_traffic(self, candidate: Candidate) -> None:
        at = candidate.state.traffic_at or self._now
        self._dependencies.store.saw_traffic(candidate.state.key, at, METRIC, self._deadline)

    def _pause(self, candidate: Candidate, until: float, reason: str) -> None:
        if until - self._now > PATIENCE_SECONDS:
            later = until + 60 * fraction(candidate.entry.name)
            self._put_off(candidate.state, later, f"route {candidate.call.route} paused: {reason}")

    def _note(self, candidate: Candidate, decision: Decision) -> None:
        logger.info(
            decision.action,
            prefix=candidate.entry.name,
            why=decision.reason,
            traffic=candidate.evidence or "none seen",
            next_check=decision.next_check,
        )
        store, key = self._dependencies.store, candidate.state.key
        if decision.next_check is None:
            store.retire(key, self._deadline)
            return
        check = Check(
            at=self._now,
            due_at=max(decision.next_check, self._now + 1),
            reason=decision.reason,
            learned=candidate.learned_text,
            wanted_ttl=decision.ttl,
        )
        store.plan(key, check, self._deadline)
