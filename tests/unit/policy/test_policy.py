"""A policy's document of any kind is a policy, or refused with a declared error."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from prefixwarm.errors import SettingsError
from prefixwarm.policy import Policy
from tests.helpers.effort import EXAMPLES

KEYS = ("rule", "ttl", "interval", "hours", "before", "timezone", "weekdays", "holidays", "other")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    # Far beyond what a float holds.
    | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@settings(max_examples=10 * EXAMPLES)
@given(JSON | st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3))
def test_policies_of_any_kind(document: Any) -> None:
    """No other exception."""
    with suppress(SettingsError):
        Policy.of(document)
