"""Selects the calls to make from due states: loads files, adds traffic, applies the policy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from prefixwarm.errors import PrefixFileError
from prefixwarm.keepwarm import rewrite_breaker
from prefixwarm.keepwarm.candidate import Candidate, fraction
from prefixwarm.keepwarm.handover import with_account
from prefixwarm.keepwarm.invocations import TrafficError, invocations
from prefixwarm.keepwarm.isolation import BROKEN_SECONDS
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.planned_call import PlannedCall
from prefixwarm.state.keepwarm_model import Check
from prefixwarm.state.model import KEEPWARM, METRIC

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from mypy_boto3_cloudwatch import CloudWatchClient

    from prefixwarm.keepwarm.budget import Budget
    from prefixwarm.keepwarm.catalog import PrefixCatalog
    from prefixwarm.keepwarm.isolation import Isolation
    from prefixwarm.keepwarm.route_breaker import RouteBreaker
    from prefixwarm.keepwarm.tick_report import TickReport
    from prefixwarm.policy import Decision
    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.prefix.manifest import Entry
    from prefixwarm.state.store import StateStore
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline


# With a shorter pause, the prefix stays due.
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class CandidateSelector:
    """Selects what one tick, or one worker batch, may warm; `now` is when it began."""

    store: StateStore
    cloudwatch: CloudWatchClient
    catalog: PrefixCatalog
    isolation: Isolation
    report: TickReport
    pool: Executor
    deadline: Deadline
    now: float

    def candidates(self, states: Sequence[State]) -> list[Candidate]:
        """The prefixes that may be warmed; the others are retired or postponed."""
        return [candidate for candidate in self.pool.map(self.candidate, states) if candidate]

    def candidate(self, state: State) -> Candidate | None:
        """The prefix if it may be warmed; otherwise it is retired or postponed."""
        return self.isolation.run(state, lambda: self._candidate(state))

    def planned_calls(
        self, candidates: Sequence[Candidate], route_breaker: RouteBreaker
    ) -> list[PlannedCall]:
        """The calls due now; for the others, record the next check."""
        decided = self._decided(self._with_observed(candidates))
        waiting = [planned for planned in decided if planned.decision.action == "wait"]
        others = [planned.candidate for planned in decided if planned.decision.action != "wait"]
        planned_calls: list[PlannedCall] = []
        for planned in self._decided(self._with_traffic(others)):
            if not planned.decision.sends:
                waiting.append(planned)
            elif pause := route_breaker.pause(planned.candidate.call.route):
                self._pause(planned.candidate, pause.until, pause.reason)
            else:
                planned_calls.append(planned)
        self._in_pool(self._note, waiting)
        return planned_calls

    def _with_observed(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Add traffic reported by agents, whether or not anything is due."""
        after = [
            self.isolation.run(candidate.state, partial(candidate.with_observed, self.now))
            for candidate in candidates
        ]
        return [candidate for candidate in after if candidate]

    def _decided(self, candidates: Sequence[Candidate]) -> list[PlannedCall]:
        """Decide about each prefix; set those aside for which that fails."""
        decisions = [
            self.isolation.run(candidate.state, partial(candidate.decision, self.now))
            for candidate in candidates
        ]
        pairs = zip(candidates, decisions, strict=True)
        return [PlannedCall(candidate, decision) for candidate, decision in pairs if decision]

    def affordable(self, planned_calls: Sequence[PlannedCall], budget: Budget) -> list[PlannedCall]:
        """The calls that the budget allows, in order; for the others, record the next check."""
        allowed: list[PlannedCall] = []
        resting: list[PlannedCall] = []
        for candidate in (planned.candidate for planned in planned_calls):
            decide = partial(self._within_budget, candidate, budget)
            decision = self.isolation.run(candidate.state, decide)
            if decision is not None:
                (allowed if decision.sends else resting).append(PlannedCall(candidate, decision))
        self._in_pool(self._note, resting)
        return allowed

    def _within_budget(self, candidate: Candidate, budget: Budget) -> Decision:
        left = budget.left(candidate.state.key, candidate.entry, self.deadline)
        decision = candidate.decision(self.now, left)
        if decision.sends:
            budget.deduct(candidate.cost_usd(self.now, decision.ttl))
        else:
            self.report.budget_reached += 1
            logger.warning("budget", prefix=candidate.entry.name, why=decision.reason)
        return decision

    def _candidate(self, state: State) -> Candidate | None:
        entry = self.catalog.entries.get(state.key) or self._earlier(state)
        if entry is not None and not state.leased(self.now):
            if held := rewrite_breaker.held(state, self.now, KEEPWARM):
                self._put_off(state, *held)
            else:
                return self._usable(state, entry)
        return None

    def _in_pool(self, work: Callable[..., None], items: Sequence[object]) -> None:
        list(self.pool.map(work, items))

    def _earlier(self, state: State) -> Entry | None:
        """The entry of an earlier version still in use; other unknown states are retired."""
        if not self.catalog.may_drop(state):
            return None
        entry, why = self.catalog.old_versions.entry(state, self.now)
        if entry is None:
            self._retire(state, why)
        return entry

    def _retire(self, state: State, why: str) -> None:
        logger.info("not kept warm any more", prefix=state.name, key=state.key, why=why)
        self.store.retire(state.key, self.deadline)

    def _call(self, state: State, entry: Entry) -> WarmCall | None:
        """The warm call; if the file cannot be used, postpone the prefix, or retire an old
        version."""
        if entry.superseded:
            try:
                return self.catalog.earlier_call(state.key, entry)
            except PrefixFileError as error:
                self._retire(state, f"superseded, and its file cannot be used: {error}")
                return None
        call = self.catalog.call(entry)
        if call is None:
            problem = f"its prefix file cannot be used: {self.catalog.broken[entry.name]}"
            self._put_off(state, self.now + BROKEN_SECONDS, problem)
        return call

    def _usable(self, state: State, entry: Entry) -> Candidate | None:
        call = self._call(state, entry)
        candidate = self.built(state, entry, call) if call else None
        # While another tick hands over the account nobody has it; the prefix stays due.
        return candidate if candidate and (entry.superseded or candidate.shared) else None

    def built(self, state: State, entry: Entry, call: WarmCall) -> Candidate:
        """The candidate of a prefix; a new version continues the previous version's account."""
        manifest = self.catalog.manifest
        candidate = Candidate(
            state=state,
            entry=entry,
            call=call.billed(state.life.tokens),
            policy=manifest.policy,
            latency_value=self.catalog.latency_value,
            prefixes=len(manifest.entries),
        )
        if entry.superseded:
            return candidate
        return with_account(candidate, self.store, self.now, self.deadline)

    def _put_off(self, state: State, until: float, reason: str) -> None:
        check = Check(at=self.now, due_at=until, reason=reason)
        self.store.record_check(state.key, check, self.deadline)

    def _with_traffic(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Query real traffic for all prefixes at once; traffic ends the silence."""
        senders = [candidate.senders(self.now) for candidate in candidates]
        minutes = self._minutes(set().union(*senders))
        updated = [
            self.isolation.run(candidate.state, partial(self._updated, candidate, own, minutes))
            for candidate, own in zip(candidates, senders, strict=True)
        ]
        usable = [candidate for candidate in updated if candidate]
        by_metric = [candidate for candidate in usable if candidate.evidence == METRIC]
        self._in_pool(self._saw_traffic, by_metric)
        return usable

    def _updated(
        self, candidate: Candidate, senders: set[str], minutes: Mapping[str, list[float]]
    ) -> Candidate:
        invoked = sorted({at for name in senders for at in minutes[name]})
        return candidate.with_traffic(invoked, self.now)

    def _minutes(self, functions: set[str]) -> dict[str, list[float]]:
        try:
            return invocations(self.cloudwatch, sorted(functions), self.now)
        except TrafficError as error:
            self.report.traffic_unavailable = True
            logger.warning("invocations are unknown: silences may look longer", why=str(error))
            return {name: [] for name in functions}

    def _saw_traffic(self, candidate: Candidate) -> None:
        at = candidate.state.traffic.at or self.now
        self.store.saw_traffic(candidate.state.key, at, METRIC, self.deadline)

    def _pause(self, candidate: Candidate, until: float, reason: str) -> None:
        if until - self.now > PATIENCE_SECONDS:
            later = until + 60 * fraction(candidate.entry.name)
            self._put_off(candidate.state, later, f"route {candidate.call.route} paused: {reason}")

    def _note(self, planned: PlannedCall) -> None:
        candidate, decision = planned.candidate, planned.decision
        logger.info(
            decision.action,
            prefix=candidate.entry.name,
            why=decision.reason,
            traffic=candidate.evidence or "none seen",
            next_check=decision.next_check,
        )
        store, key = self.store, candidate.state.key
        if decision.next_check is None:
            store.retire(key, self.deadline)
            return
        if account := candidate.account(self.now):
            store.note_account(key, account, self.deadline)
        store.record_check(key, planned.check(self.now), self.deadline)
