"""Computes one line of the table from the records of emulator and simulated provider."""

from __future__ import annotations

import json
import re
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.life import TTL_SECONDS
from prefixwarm.local.errors import NoModelCallError
from prefixwarm.local.measured_run import (
    CacheEntry,
    FirstRequest,
    PrefixState,
    ProviderCall,
    Round,
    Scenario,
    Start,
    total_usd,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.local.emulator import Invocation
    from prefixwarm.state.warm_state import State


Request = dict[str, Any]

_LOG_LINES, _ANSWER = 3, 300
_FRAME = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')
_OWN_CODE = "/var/task/"
_OWN_AGENT = "prefixwarm"
# Each line has one of them: for a warm call, an observed request or a tick.
_OWN_KEYS = {"by", "due"}


@dataclass(frozen=True)
class Run:
    """One start of one or many environments, with the provider's records.

    Parameters
    ----------
    answers
        The first invocation of each environment.
    requests
        The provider's record of all requests since its cache was emptied.
    entries
        Its live cache entries afterwards.
    earlier
        Number of requests made before the environments started.
    clock_offset
        Seconds that the provider's clock is ahead of this process's monotonic clock.
    busy_cores
        Cores that other programs used just before the start.
    prefixes
        The warm states afterwards.
    earlier_log
        The keep-warm function's log from before the environments started.
    """

    answers: Sequence[Invocation]
    requests: Sequence[Request]
    entries: Sequence[dict[str, Any]] = ()
    earlier: int = 0
    clock_offset: float = 0.0
    busy_cores: float = 0.0
    prefixes: tuple[PrefixState, ...] = ()
    earlier_log: str = ""

    @property
    def init_ms(self) -> float:
        """Median duration of the init phases."""
        return statistics.median(answer.init_ms or 0.0 for answer in self.answers)

    @property
    def first_request(self) -> FirstRequest:
        """The agent's own first request: one environment's, or the mean over all.

        Raises
        ------
        NoModelCallError
            If there was none; the message has the function's answer.
        """
        calls = [call for call in self._calls() if call.by == "agent" and call.ended_ms is not None]
        if not calls:
            raise NoModelCallError(f"the function made no successful model call; {self._why()}")
        return _mean(calls if len(self.answers) > 1 else calls[:1])

    def require_model_call(self) -> None:
        """Refuse a start without a model call of the agent's own.

        Raises
        ------
        NoModelCallError
            The message has the function's answer.
        """
        _ = self.first_request

    @property
    def warm_calls(self) -> Sequence[Request]:
        """Requests that prefixwarm sent."""
        return [request for request in self.requests if _is_ours(request)]

    @property
    def cache_writes(self) -> int:
        """Number of requests with a billed cache write."""
        return sum(call.cache_write_tokens > 0 for call in self._calls())

    def round(self) -> Round:
        """Return it as plain data, timed from the first invocation."""
        starts = tuple(
            Start(
                began_ms=self._ms(answer.began + self.clock_offset),
                init_ms=answer.init_ms,
                answered_ms=self._ms(answer.ended + self.clock_offset),
            )
            for answer in self.answers
        )
        entries = tuple(
            CacheEntry(
                tokens=entry["tokens"],
                ttl_seconds=TTL_SECONDS[entry["ttl"]],
                written_ms=self._ms(entry["available_at"]),
                expires_ms=self._ms(entry["expires_at"]),
                reads=entry["reads"],
            )
            for entry in self.entries
        )
        logs = (self.earlier_log, *(answer.log for answer in self.answers))
        log = tuple(line for text in logs for line in own_lines(text))
        calls = tuple(self._calls())
        return Round(starts, calls, entries, self.busy_cores, self.prefixes, log)

    def _why(self) -> str:
        """The function's answer, the provider's refusal, and the end of the log."""
        answer = self.answers[0]
        errors = [str(r["error"]) for r in self.requests if r.get("error") and not _is_ours(r)]
        refused = f"; the provider refused: {errors[0]}" if errors else ""
        lines = [line.strip()[:200] for line in answer.log.splitlines() if _is_the_functions(line)]
        shown = " | ".join(lines[-_LOG_LINES:]) or "nothing"
        return f"it answered {_answer(answer.payload)}{refused}; its log ends: {shown}"

    def _ms(self, moment: float) -> float:
        began = min(answer.began for answer in self.answers) + self.clock_offset
        return round((moment - began) * 1000, 1)

    def _calls(self) -> list[ProviderCall]:
        return [
            self._call(request, "keepwarm" if number < self.earlier else "init")
            for number, request in enumerate(self.requests)
        ]

    def _call(self, request: Request, our_part: str) -> ProviderCall:
        usage = request["usage"] or {}
        began = self._ms(request["time"])
        times = {
            name: None if request[f"{kind}_ms"] is None else round(began + request[f"{kind}_ms"], 1)
            for name, kind in (("first_token_ms", "ttft"), ("ended_ms", "latency"))
        }
        cost = request["cost_usd"]
        return ProviderCall(
            by=our_part if _is_ours(request) else "agent",
            began_ms=began,
            status=request["status"],
            input_tokens=usage.get("input_tokens") or 0,
            cache_read_tokens=usage.get("cache_read_input_tokens") or 0,
            cache_write_tokens=usage.get("cache_creation_input_tokens") or 0,
            output_tokens=usage.get("output_tokens") or 0,
            cost_usd=None if cost is None else float(cost),
            **times,
        )


def scenario(name: str, title: str, runs: Sequence[Run], without_layer_ms: float) -> Scenario:
    """Sum up repeated runs: the run with the median wait, and the median init.

    Parameters
    ----------
    without_layer_ms
        Median init of the same function without the layer.
    """
    typical = sorted(runs, key=lambda run: run.first_request.ttft_ms)[len(runs) // 2]
    init_ms = statistics.median(run.init_ms for run in runs)
    own = [call for call in typical.round().calls if call.by != "agent"]
    return Scenario(
        name=name,
        title=title,
        environments=len(typical.answers),
        first_request=typical.first_request,
        warm_calls=len(own),
        warm_cost_usd=total_usd(call.cost_usd for call in own),
        cache_writes=typical.cache_writes,
        init_ms=init_ms,
        added_init_ms=init_ms - without_layer_ms,
        rounds=tuple(run.round() for run in runs),
    )


def _answer(payload: Any) -> str:
    """What a function answered, or its error, in some words."""
    if isinstance(payload, dict) and "errorMessage" in payload:
        message = f"{payload.get('errorType', 'an error')}: {payload['errorMessage']}"[:_ANSWER]
        return message + _place(payload.get("stackTrace"))
    return str(payload)[:_ANSWER]


def _place(trace: Any) -> str:
    """The last line of the function's own code in a Python stack trace, else of the whole."""
    lines = trace if isinstance(trace, list) else []
    frames = [frame for text in lines if (frame := _FRAME.search(str(text)))]
    own = [frame for frame in frames if frame["file"].startswith(_OWN_CODE)] or frames
    return f" ({own[-1]['file']}, line {own[-1]['line']})" if own else ""


def _is_the_functions(line: str) -> bool:
    """Whether the emulator has not written it."""
    own = line.startswith(("START RequestId", "END RequestId", "REPORT RequestId"))
    return bool(line.strip()) and not own and "(rapid)" not in line and not _is_own(line)


def prefix_state(state: State, now: float) -> PrefixState:
    """A warm state as plain data."""
    *_, model, fingerprint = state.key.split("/")
    due, money = state.last_decision.due_at, state.money
    return PrefixState(
        name=state.name,
        model=model,
        version=fingerprint[:12],
        seconds_left=round(state.warm_for(now), 1),
        next_check_seconds=None if due is None else round(due - now, 1),
        tokens=state.life.tokens,
        calls=money.calls,
        spent_usd=None if money.unpriced else money.spent_usd,
        reason=state.last_decision.reason,
    )


def own_lines(log: str) -> list[str]:
    """The lines of a log that prefixwarm wrote."""
    return [line for line in log.splitlines() if _is_own(line)]


def _is_own(line: str) -> bool:
    try:
        document = json.loads(line)
    except ValueError:
        return False
    return isinstance(document, dict) and "service" in document and bool(_OWN_KEYS & set(document))


def _is_ours(request: Request) -> bool:
    return str(request["headers"].get("user-agent", "")).startswith(_OWN_AGENT)


def _mean(calls: Sequence[ProviderCall]) -> FirstRequest:
    """The mean of each field; tokens are rounded."""
    costs = total_usd(call.cost_usd for call in calls)
    return FirstRequest(
        ttft_ms=round(statistics.fmean(call.ttft_ms or 0.0 for call in calls), 1),
        cache_read_tokens=round(statistics.fmean(call.cache_read_tokens for call in calls)),
        cache_write_tokens=round(statistics.fmean(call.cache_write_tokens for call in calls)),
        input_tokens=round(statistics.fmean(call.input_tokens for call in calls)),
        cost_usd=None if costs is None else costs / len(calls),
    )
