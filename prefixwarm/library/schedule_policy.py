"""Makes the policy of a schedule from a rule or a fixed interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.amounts import dollars
from prefixwarm.errors import SettingsError, UsageError
from prefixwarm.life import TTL_1H, TTL_SECONDS, refresh_after
from prefixwarm.policy import Policy
from prefixwarm.process_log import logger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prefixwarm.library.prepared_prefix import PreparedPrefix

_DAY = 86_400


def schedule_policy(
    policy: str | Policy | Mapping[str, Any] | None,
    interval_seconds: float | None,
    prefixes: Iterable[PreparedPrefix],
) -> Policy:
    """Return the policy that a schedule follows.

    An interval far shorter than the longest TTL needs is accepted, and its cost is logged once.

    Raises
    ------
    UsageError
        Both a policy and an interval are given.
    SettingsError
        The policy is invalid, or the interval makes every refresh of a prefix a write.
    """
    if interval_seconds is None:
        return Policy.of("auto" if policy is None else policy)
    if policy is not None:
        raise UsageError("give a policy or interval_seconds, not both")
    asked = Policy(rule="always", interval=interval_seconds)
    for prepared in prefixes:
        ttl = TTL_SECONDS[prepared.file.ttl]
        if interval_seconds >= ttl:
            raise SettingsError(
                f"interval_seconds {interval_seconds!r}: prefix {prepared.name} lives {ttl} "
                f"seconds, so each refresh would be a write; use at most {refresh_after(ttl)}"
            )
        _say_price(prepared, interval_seconds)
    return asked


def _say_price(prepared: PreparedPrefix, interval: float) -> None:
    usual = refresh_after(TTL_1H)
    times = usual / interval
    if times < 2:
        return
    read, price = prepared.call.usd("read"), "price unknown"
    if read is not None:
        usd = read * _DAY
        price = f"{dollars(usd / interval)} a day, instead of {dollars(usd / usual)}"
    logger.warning(
        "prefix %s: a refresh every %s seconds costs %.1f times as much as one every %s seconds of "
        "an entry that lives an hour: %s",
        prepared.name,
        f"{interval:g}",
        times,
        usual,
        price,
    )
