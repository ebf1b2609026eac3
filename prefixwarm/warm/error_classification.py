"""Classifies an error of a warm call: whom it affects, for how long, and whether it cost money.

This is the only place that decides it; a prefix's back-off and a route's pause both use the
classification.
"""

from __future__ import annotations

from prefixwarm.errors import (
    ConnectError,
    CredentialsError,
    PrefixwarmError,
    ProviderError,
    SettingsError,
    StateError,
    TransportError,
    UnusableUsageError,
    UsageError,
)
from prefixwarm.provider.client import REFUSED_KEY
from prefixwarm.wire.record import Record

# What an error stops: its own prefix, or every prefix on the route.
PREFIX = "prefix"
ROUTE = "route"

MINUTES = 600.0
HOUR = 3600.0
DAY = 86400.0

# About the organization's account, which all callers share.
_UNPAID = 402
_ABOUT_THE_REQUEST = (400, 404, 413)
_TOO_SLOW = 408
# https://docs.claude.com/en/api/errors and, for Bedrock, which answers with 400,
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
_SPEND_LIMITS = ("enforced_spend_limit_reached", "contract_spend_limit_reached")
_QUOTA = "ServiceQuotaExceededException"


class Classification(Record):
    """What one error means for later calls.

    Attributes
    ----------
    scope : str
        `PREFIX` or `ROUTE`.
    own : bool
        Whether it comes from this caller's key, network or settings and does not affect other
        callers.
    pause : float or None
        Seconds to send nothing; None for the usual back-off.
    sent : bool
        Whether a request was sent.
    billed : bool
        Whether the provider may have billed it, at an unknown amount.
    demanding : bool
        Whether a less demanding request, such as one with a shorter TTL, may be accepted.
    """

    scope: str = PREFIX
    own: bool = False
    pause: float | None = None
    sent: bool = True
    billed: bool = False
    demanding: bool = False


def classify(error: Exception) -> Classification:
    """Classify any exception of a warm call; never raises."""
    if isinstance(error, ProviderError):
        return _of_status(error)
    if isinstance(error, (ConnectError, CredentialsError, SettingsError)):
        return Classification(scope=ROUTE, own=True, sent=False)
    if isinstance(error, (UsageError, StateError)):
        return Classification(own=True, sent=False)
    if isinstance(error, UnusableUsageError):
        return Classification(billed=True, pause=DAY)
    if isinstance(error, TransportError):
        return Classification(scope=ROUTE, billed=True)
    return Classification(billed=True)


def describe(error: BaseException) -> str:
    """Describe a failure for logs and the state, without an unexpected exception's text.

    That text may quote a prompt or a key, so the exception's type and the function that raised it
    are given instead.
    """
    if isinstance(error, PrefixwarmError):
        return str(error)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = trace.tb_frame.f_code.co_name if trace else "?"
    return f"unexpected {type(error).__name__} in {place}"


def _of_status(error: ProviderError) -> Classification:
    asked = error.retry_after or 0.0
    if error.error_code in _SPEND_LIMITS:
        return Classification(scope=ROUTE, pause=max(HOUR, asked))
    if error.error_type == _QUOTA or error.status == _UNPAID:
        return Classification(scope=ROUTE, pause=max(MINUTES, asked))
    if error.status in REFUSED_KEY:
        return Classification(scope=ROUTE, own=True, pause=max(MINUTES, asked))
    if error.status in _ABOUT_THE_REQUEST:
        # 400 rarely names its cause.
        return Classification(pause=max(MINUTES, asked), demanding=error.status == 400)
    if error.status == _TOO_SLOW:
        return Classification(pause=error.retry_after)
    # 429, 529 and 5xx: the whole route is busy, for as long as the provider asks.
    return Classification(scope=ROUTE, pause=error.retry_after)
