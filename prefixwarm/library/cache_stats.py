"""Measures prompt cache hit rates for any client and provider."""

from __future__ import annotations

import time
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from prefixwarm.library.after_fork import renew_after_fork
from prefixwarm.library.cache_summary import CacheSummary, summarize
from prefixwarm.library.client_recording import record_client
from prefixwarm.library.hit_advice import Advice, advise
from prefixwarm.library.hit_alert import HitAlert, LowHits
from prefixwarm.library.otel_counters import counters
from prefixwarm.library.token_sums import Group, Sums, Window
from prefixwarm.library.warm_result import WarmResult
from prefixwarm.process_log import logger
from prefixwarm.state.outcome import Usage
from prefixwarm.usage.reading import Reading, read_usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.library.client_recording import RecordedCall
    from prefixwarm.prefix.prefix_definition import Prefix
    from prefixwarm.prices import OwnPrices

_Client = TypeVar("_Client")
_DAY = 86400.0
# Prompt lengths in tokens above which some model's prices change.
_PRICE_TIERS = (100_000, 128_000, 200_000, 272_000)


class CacheStats:
    """Prompt cache hit rates by prefix, model, prompt version and time window.

    Rates are weighted by tokens: the share of the prompts' tokens that was read from the cache.
    Warm calls are counted separately from requests. Thread-safe; keeps no prompt text.

    Parameters
    ----------
    prices : mapping, optional
        Your own prices, see `prefixwarm.prices.price`.
    keep_seconds : float
        How long per-minute sums are kept for time windows; a day by default.
    opentelemetry : bool, optional
        Whether to count requests with OpenTelemetry too; by default if its API is installed. You
        set up the exporter.
    clock : callable
        Returns epoch seconds.

    Examples
    --------
    >>> stats = CacheStats()
    >>> usage = {"input_tokens": 100, "output_tokens": 20, "cache_read_input_tokens": 900}
    >>> _ = stats.record(usage, prefix="support", model="claude-sonnet-5-5")
    >>> stats.hit_rate(prefix="support")
    0.9
    """

    def __init__(
        self,
        *,
        prices: OwnPrices | None = None,
        keep_seconds: float = _DAY,
        opentelemetry: bool | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._prices = prices
        self._clock = clock
        self._window = Window(keep_seconds)
        self._lock = Lock()
        self._alerts: list[HitAlert] = []
        self._count = counters(opentelemetry)
        renew_after_fork(self)

    def record(
        self,
        reply: object,
        *,
        prefix: str | Prefix = "",
        model: str = "",
        version: str = "",
        warm: bool = False,
        at: float | None = None,
    ) -> Usage | None:
        """Count one request from the usage in its reply.

        Parameters
        ----------
        reply : object or mapping
            A reply of any provider, or its usage alone: of the Messages API, Bedrock (InvokeModel
            and Converse), OpenAI (Chat Completions and Responses), Gemini, and their forms in
            gateways and frameworks. Streams are counted by `wrap`. A `WarmResult` names its prefix
            and counts as a warm call, if one was sent.
        prefix : str or Prefix
            The request's prefix.
        model : str
            The model's id; by default the one in the reply.
        version : str
            Your version of the prompt.
        warm : bool
            Whether it was a warm call.
        at : float, optional
            When it was sent, in epoch seconds; by default now.

        Returns
        -------
        Usage or None
            What it billed; None if the reply does not say or is invalid. Such a request counts as
            unmeasured.
        """
        if isinstance(reply, WarmResult):
            return self._add_result(reply, version, at)
        reading = read_usage(reply)
        self._add(reading, _name(prefix), model, version, warm, self._clock() if at is None else at)
        return reading.usage if reading else None

    def wrap(
        self,
        client: _Client,
        *,
        prefix: str | Prefix | Callable[[Any], str] = "",
        version: str | Callable[[Any], str] = "",
        warm: bool = False,
    ) -> _Client:
        """Count all further requests of a client.

        Parameters
        ----------
        client : object
            A client of anthropic, openai or google-genai, synchronous or asynchronous; a boto3
            client of ``bedrock-runtime``; or a function, such as ``litellm.completion``, that
            returns a reply, a stream, or an awaitable of one.
        prefix : str, Prefix or callable
            The requests' prefix; a callable receives the request's body.
        version : str or callable
            Your version of the prompt; a callable receives the request's body.
        warm : bool
            Whether all requests are warm calls. Those of a `Warmer`, and those that request no
            output, count as warm calls anyway.

        Returns
        -------
        object
            The same client, of the same class or a subclass; it behaves as before, including
            streams, raw responses, retries and copies by ``with_options``. For a function, a
            function.

        Raises
        ------
        UsageError
            It is none of these.
        """

        def done(reading: Reading | None, call: RecordedCall) -> None:
            name = prefix(call.body) if callable(prefix) else _name(prefix)
            label = version(call.body) if callable(version) else version
            self._add(reading, name, call.model, label, warm or call.warm, call.started)

        recorded: _Client = record_client(client, done, self._clock)
        return recorded

    def summary(
        self,
        *,
        prefix: str | None = None,
        model: str | None = None,
        version: str | None = None,
        last_seconds: float | None = None,
    ) -> CacheSummary:
        """Return the totals of all requests that match.

        Parameters
        ----------
        prefix, model, version : str, optional
            Requests to include; by default all.
        last_seconds : float, optional
            Only requests of the last seconds, to the minute; by default all time.
        """
        rows = self._rows(last_seconds, prefix=prefix, model=model, version=version)
        return summarize(rows, self._prices)

    def by(
        self,
        what: Literal["prefix", "model", "version"],
        *,
        last_seconds: float | None = None,
    ) -> dict[str, CacheSummary]:
        """Return a summary per prefix, model or version, by name."""
        rows: dict[str, list[tuple[Group, Sums]]] = {}
        for group, sums in self._rows(last_seconds):
            rows.setdefault(getattr(group, what), []).append((group, sums))
        return {name: summarize(rows[name], self._prices) for name in sorted(rows)}

    def hit_rate(
        self,
        *,
        prefix: str | None = None,
        model: str | None = None,
        version: str | None = None,
        last_seconds: float | None = None,
    ) -> float | None:
        """Return the share of the prompts' tokens read from the cache, 0 to 1, or None."""
        return self.summary(
            prefix=prefix, model=model, version=version, last_seconds=last_seconds
        ).hit_rate

    def advice(self, *, below: float = 0.5, last_seconds: float | None = None) -> list[Advice]:
        """Return advice for prefixes and models with a low hit rate, most expensive first.

        Parameters
        ----------
        below : float
            Hit rates below this are low.
        last_seconds : float, optional
            As in `summary`.
        """
        return advise(self._rows(last_seconds), below)

    def on_low(
        self,
        callback: Callable[[LowHits], object],
        *,
        below: float = 0.5,
        last_seconds: float = 600.0,
        least_requests: int = 20,
        prefix: str | None = None,
        model: str | None = None,
    ) -> None:
        """Call a function when the hit rate falls below a threshold, and when it recovers.

        Parameters
        ----------
        callback : callable
            Receives a `LowHits`. Its exceptions are logged, never raised into a request.
        below : float
            The threshold, 0 to 1.
        last_seconds : float
            The time window.
        least_requests : int
            Minimum number of requests in the window.
        prefix, model : str, optional
            Requests to include; by default all.
        """
        least = max(1, least_requests)
        alert = HitAlert(callback, below, last_seconds, least, prefix, model)
        with self._lock:
            self._alerts.append(alert)

    def renew(self) -> None:
        """See `Renewable`; counts are kept."""
        self._lock = Lock()

    def _add_result(self, result: WarmResult, version: str, at: float | None) -> Usage | None:
        """Count a warm call of `Warmer`, if one was sent."""
        if not result.calls:
            return None
        usage = Usage(
            input=result.input_tokens,
            output=result.output_tokens,
            read=result.cache_read_tokens,
            write_5m=result.cache_creation_5m_tokens,
            write_1h=result.cache_creation_1h_tokens,
        )
        reading = Reading(form="", usage=usage if usage.prompt else None)
        started = result.started_at if at is None else at
        self._add(reading, result.name, result.model, version, True, started)
        return reading.usage

    def _add(
        self,
        reading: Reading | None,
        prefix: str,
        model: str,
        version: str,
        warm: bool,
        at: float,
    ) -> None:
        usage = reading.usage if reading else None
        named = model or (reading.model if reading else "")
        form = reading.form if reading else ""
        served = (
            (reading.inference_geo, reading.speed, reading.service_tier)
            if reading
            else ("", "", "")
        )
        prompt = usage.prompt if usage else 0
        tier = max((tier for tier in _PRICE_TIERS if prompt > tier), default=0)
        group = Group(prefix, named, version, form, warm, served, tier)
        with self._lock:
            self._window.add(group, usage, at)
            due = [alert for alert in self._alerts if alert.is_due(group, at)]
        if usage is not None:
            self._count(group, usage)
        for alert in due:
            self._judge(alert)

    def _rows(self, last_seconds: float | None, **wanted: str | None) -> list[tuple[Group, Sums]]:
        """Copies of the sums of all matching groups."""

        def takes(group: Group) -> bool:
            return all(value in (None, getattr(group, name)) for name, value in wanted.items())

        since = None if last_seconds is None else self._clock() - last_seconds
        with self._lock:
            return [(group, replace(sums)) for group, sums in self._window.rows(since, takes)]

    def _judge(self, alert: HitAlert) -> None:
        rows = self._rows(alert.last_seconds, prefix=alert.prefix, model=alert.model)
        real = Sums()
        for group, sums in rows:
            if not group.warm:
                real.add(sums)
        if not alert.crosses(real):
            return
        # Look up prices only here: the first lookup may have to load them.
        try:
            alert.call(summarize(rows, self._prices))
        except Exception:
            logger.exception("the callback of CacheStats.on_low failed")


def _name(prefix: str | Prefix) -> str:
    return prefix if isinstance(prefix, str) else prefix.name
