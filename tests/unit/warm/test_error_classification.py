"""What an error means: for whom, for how long, and whether it may have cost money."""

from __future__ import annotations

import pytest

from prefixwarm.errors import (
    ConnectError,
    CredentialsError,
    DeadlineError,
    PrefixFileError,
    ProtocolError,
    ProviderError,
    SettingsError,
    StateError,
    UnusableUsageError,
)
from prefixwarm.keepwarm.route_breaker import pause_after
from prefixwarm.warm.error_classification import PREFIX, ROUTE, classify, describe

DENIED = "contract_spend_limit_reached"
QUOTA = "ServiceQuotaExceededException"


@pytest.mark.parametrize(
    ("error", "scope", "own", "pause", "billed"),
    [
        (CredentialsError("no key"), ROUTE, True, None, False),
        (ConnectError("refused"), ROUTE, True, None, False),
        (SettingsError("no region"), ROUTE, True, None, False),
        (PrefixFileError("a", "", "broken"), PREFIX, True, None, False),
        (DeadlineError("slow"), ROUTE, False, None, True),
        (ProtocolError("cut short"), ROUTE, False, None, True),
        (UnusableUsageError("input_tokens"), PREFIX, False, 86400, True),
        (ProviderError(529, "overloaded_error"), ROUTE, False, None, False),
        (ProviderError(500), ROUTE, False, None, False),
        (ProviderError(429, "rate_limit_error", retry_after=7), ROUTE, False, 7, False),
        (ProviderError(429, "rate_limit_error", DENIED), ROUTE, False, 3600, False),
        (ProviderError(400, QUOTA), ROUTE, False, 600, False),
        (ProviderError(402), ROUTE, False, 600, False),
        (ProviderError(401, "authentication_error"), ROUTE, True, 600, False),
        (ProviderError(403, "permission_error", retry_after=900), ROUTE, True, 900, False),
        (ProviderError(400, "invalid_request_error"), PREFIX, False, 600, False),
        (ProviderError(404, "not_found_error"), PREFIX, False, 600, False),
        (ProviderError(408), PREFIX, False, None, False),
        (ProviderError(413, "request_too_large"), PREFIX, False, 600, False),
        (StateError("the table"), PREFIX, True, None, False),
        (OverflowError("too large"), PREFIX, False, None, True),
    ],
    ids=repr,
)
def test_verdicts(
    error: Exception, scope: str, own: bool, pause: float | None, billed: bool
) -> None:
    """One row for each kind of error."""
    classification = classify(error)
    assert (classification.scope, classification.own, classification.pause) == (scope, own, pause)
    assert (classification.billed, classification.sent) == (
        billed,
        not own or isinstance(error, ProviderError),
    )


def test_only_a_400_about_the_request_is_asked_for_less() -> None:
    """Neither a spend limit nor a quota is lower for a shorter TTL."""
    assert classify(ProviderError(400, "invalid_request_error")).demanding
    others = [ProviderError(400, error_code=DENIED), ProviderError(400, QUOTA), ProviderError(404)]
    assert not any(classify(error).demanding for error in others)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (ConnectError("refused"), 45),
        (ProviderError(529, "overloaded_error"), 45),
        (ProviderError(429, "rate_limit_error", retry_after=0), 45),
        (ProviderError(429, "rate_limit_error", retry_after=7), 7),
        (ProviderError(429, "rate_limit_error", retry_after=90_000), 3600),
        (ProviderError(401, "authentication_error"), 600),
        (ProviderError(400, "invalid_request_error"), 0),
        (KeyError("x"), 0),
    ],
)
def test_how_long_a_route_pauses(error: Exception, seconds: float) -> None:
    """An hour at most; errors of one prefix leave the others alone."""
    assert pause_after(classify(error)) == seconds


def test_what_is_unexpected_is_not_quoted() -> None:
    """Its type and place are."""
    with pytest.raises(KeyError) as caught:
        raise KeyError("the prompt")
    assert describe(caught.value) == (
        "unexpected KeyError in test_what_is_unexpected_is_not_quoted"
    )
    assert describe(ProviderError(529, "overloaded_error")) == "HTTP 529 overloaded_error"
