"""Whatever an item holds, reading it gives a state or names what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixwarm.errors import StateItemError
from prefixwarm.state.item import state_of
from prefixwarm.state.keepwarm_items import due_states, ledger_of
from prefixwarm.state.keepwarm_model import Ledger
from prefixwarm.state.warm_state import FIELDS, State
from tests.helpers.effort import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "state/anthropic/-/default/support/claude-sonnet-5-5/0123456789abcdef0123456789abcdef"
NUMBERS = [
    *("warm_until", "last_touch", "granted_ttl", "wanted_ttl", "longest_ttl", "agent_ttl", "idle"),
    *("traffic_at", "lease_token", "lease_until", "backoff_until", "failures", "rewrites"),
    *("tripped_until", "max_tokens", "outcome_at", "matched_at", "drift_at", "started_at"),
    *("deployed_at", "write_ms", "read_ms", "calls", "unpriced", "starts", "start_hits"),
    *("losses", "saves", "saved_usd", "spent_usd", "kept_usd", "settled", "settled_saves"),
    *("settled_saved_usd", "settled_others_usd", "init_allowance_usd", "due_at", "version"),
    *("init_until", "init_at", "init_reads", "init_write_usd", "init_spent_usd", "requests"),
    *("request_hits", "tokens_read", "tokens_written", "tokens_uncached", "missed_usd"),
    "tokens",
    "missed_unpriced",
]
TEXTS = [
    *("name", "deployment", "lease_owner", "outcome", "reason", "learned", "drift_tier"),
    *("drift_place", "message_id", "object", "backoff_of", "traffic_by", "current", "lease_unsent"),
    "last_report",
]
NAMES = [*NUMBERS, *TEXTS, "functions", "used_by"]


def test_every_attribute_is_named_here() -> None:
    """So that none is left out below."""
    assert {*NAMES} == {*FIELDS, "version"}


numbers = st.one_of(
    st.sampled_from(["77", "-3600", "300", "3600", "1e30", "-1e400", "NaN", "Infinity", "", "x"]),
    st.integers().map(str),
    st.floats().map(repr),
    st.text(max_size=5),
)
plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5))
values = st.recursive(
    st.one_of(
        numbers.map(lambda number: {"N": number}),
        st.text(max_size=5).map(lambda text: {"S": text}),
        st.lists(st.text(max_size=5), max_size=3).map(lambda texts: {"SS": texts}),
        st.lists(numbers, max_size=3).map(lambda several: {"NS": several}),
        st.booleans().map(lambda flag: {"BOOL": flag}),
        st.just({"NULL": True}),
        plain,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda several: {"L": several}),
        st.dictionaries(st.text(max_size=3), inner, max_size=3).map(lambda pairs: {"M": pairs}),
        st.dictionaries(st.sampled_from(["N", "S", "SS", "?"]), inner, max_size=2),
        inner.map(lambda value: {"SS": [value]}),
    ),
    max_leaves=4,
)
items = st.one_of(
    st.dictionaries(st.one_of(st.sampled_from([*NAMES, "pk"]), st.text(max_size=5)), values),
    plain,
    st.lists(plain, max_size=2),
)


@settings(max_examples=10 * EXAMPLES)
@given(item=items)
def test_garbage_is_a_state_or_named(item: object) -> None:
    """No other error, and what is read is what a state may hold."""
    try:
        state = state_of(KEY, item)
    except StateItemError as error:
        problem = str(error)
    else:
        problem = f"{KEY}: none"
        assert state.life.granted_ttl in (None, 300, 3600)
        assert state.warm_for(1e9) < 1e12
        assert all(isinstance(function, str) for function in state.deployment.functions)
    assert problem.startswith(f"{KEY}: ")


@settings(max_examples=10 * EXAMPLES)
@given(item=items)
def test_garbage_is_a_ledger_or_named(item: object) -> None:
    """The same of a day's dollars."""
    try:
        ledger = ledger_of(KEY, "2026-11-21", item)
    except StateItemError as error:
        problem = str(error)
    else:
        problem = "ledger/: none"
        assert abs(ledger.spent_usd) < 1e12
    assert problem.startswith("ledger/")


@settings(max_examples=EXAMPLES)
@given(garbage=st.lists(items, max_size=5))
def test_one_bad_item_hides_no_other(garbage: list[object]) -> None:
    """Wherever it stands among them."""
    good: Mapping[str, Any] = {"pk": {"S": KEY}, "name": {"S": "support"}}
    due = due_states([*garbage, good, *garbage])
    assert State.of(KEY, name="support") in due.states
    assert len(due.states) + len(due.unreadable) == 2 * len(garbage) + 1


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        *((name, {"S": "1"}, name) for name in NUMBERS),
        *((name, {"N": "1"}, name) for name in TEXTS),
        ("functions", {"S": "agent"}, "a set of texts"),
        ("functions", {"SS": [1]}, "a set of texts"),
        ("granted_ttl", {"N": "77"}, "300 or 3600 seconds"),
        ("granted_ttl", {"N": "-3600"}, "300 or 3600 seconds"),
        ("longest_ttl", {"N": "7"}, "300 or 3600 seconds"),
        ("warm_until", {"N": "inf"}, "a time in epoch seconds"),
        ("warm_until", {"N": "nan"}, "a time in epoch seconds"),
        ("write_ms", {"N": "1e30"}, "milliseconds of a call"),
        ("spent_usd", {"N": "1e300"}, "US dollars"),
        ("idle", {"N": "1.5"}, "a count"),
        ("idle", {"N": "-1"}, "a count"),
        ("version", {"BOOL": True}, "a count"),
        ("reason", "a text", "a text"),
        ("reason", {"S": "a", "N": "1"}, "a text"),
    ],
)
def test_what_is_wrong_is_named(name: str, value: object, what: str) -> None:
    """The key, the attribute, what it must be, and what to do."""
    with pytest.raises(StateItemError, match="delete the item") as refused:
        state_of(KEY, {name: value})
    assert refused.value.key == KEY
    assert f"attribute {name} is not " in refused.value.problem
    assert what in refused.value.problem


@pytest.mark.parametrize("key", ["", "state/anthropic", "ledger/a/b/c/d/e/f", "a/b/c/d/e/f/g"])
def test_what_is_no_prefix_is_not_due(key: str) -> None:
    """An item of anybody's that got into the index."""
    due = due_states([{"pk": {"S": key}}])
    assert (due.states, [error.key for error in due.unreadable]) == ([], [key])
    assert [error.key for error in due_states([{}, 5, {"pk": {"N": "1"}}]).unreadable] == [""] * 3


def test_a_ledger_counts_every_outcome() -> None:
    """And says nothing of attributes that are none of its own."""
    item = {"outcome_written": {"N": "2"}, "spent_usd": {"N": "0.5"}, "pk": {"S": "x"}}
    ledger = ledger_of(KEY, "2026-11-21", item)
    assert ledger == Ledger(key=KEY, day="2026-11-21", outcomes={"written": 2}, spent_usd=0.5)
