"""The time of a table's replies."""

from __future__ import annotations

from email.utils import formatdate
from time import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.state.store import StateStore
from prefixwarm.state.table_call import replied_at
from prefixwarm.wire.deadline import Deadline


def reply(date: object) -> dict[str, Any]:
    """A reply with that header."""
    return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


@given(st.integers(0, 2**34))
def test_reads_every_date(at: int) -> None:
    """As the e-mail package writes them, leap days too."""
    assert replied_at(reply(formatdate(at, usegmt=True))) == at


@given(st.none() | st.integers() | st.text() | st.text("Sat, 28Nov2026 :GMT"))
def test_what_is_no_date_says_nothing(date: object) -> None:
    """Whatever a gateway puts there."""
    assert replied_at(reply(date)) is None


@pytest.mark.parametrize("without", [{}, {"ResponseMetadata": None}, {"ResponseMetadata": {}}])
def test_a_reply_may_have_no_headers(without: dict[str, Any]) -> None:
    """As those of the tables of this process."""
    assert replied_at(without) is None


@pytest.mark.parametrize(
    ("ahead", "corrected"),
    [(0, 0), (4, 0), (-4, 0), (600, 600), (-600, -600), (10**6, 0), (-(10**9), 0)],
)
def test_a_clock_that_is_off_is_corrected(ahead: float, corrected: float) -> None:
    """Beyond what is usual, up to what a table may still believe."""
    date = formatdate(time() + ahead, usegmt=True)
    store = StateStore("t", lambda *_: reply(date))
    store.read("state/anthropic/-/default/s/m/0", Deadline.after(60))
    assert abs(store.now() - time() - corrected) < 2
