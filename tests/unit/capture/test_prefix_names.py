"""A name stays with its agent, and no file is another agent's."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.capture.prefix_names import Naming
from prefixwarm.errors import UsageError
from tests.helpers.prefixes import make_prefix

SALES = "You sell parcels and praise their beauty in short rhymes. " * 60
SUPPORT = "Help customers who lost something; stay calm, ask for the number. " * 80
REFUND = "Money goes back only after a manager has agreed in writing twice. " * 70


@pytest.fixture
def prefix(make_body: Any) -> Any:
    """Make a prefix of a system prompt; all have the same tools."""

    def make(system: str, name: str = "new", **changes: Any) -> Any:
        return make_prefix(name, make_body(system=system, **changes))

    return make


def test_names_stay_whatever_the_size(prefix: Any) -> None:
    """The order is by size; the content says whose file it is."""
    files = [prefix(SUPPORT, "multi"), prefix(SALES, "multi-2")]
    grown = [prefix(SALES * 2 + "Rhyme more."), prefix(SUPPORT)]
    assert Naming("multi", files=files).names(grown) == ["multi-2", "multi"]
    assert Naming("agent", False, files=files).names(grown) == ["multi-2", "multi"]


def test_no_file_is_overwritten_by_another_agents(prefix: Any) -> None:
    """A new agent gets a free name, unless the user chose the name of the only one."""
    files = [prefix(SUPPORT, "multi")]
    assert Naming("multi", files=files).names([prefix(SALES), prefix(REFUND)]) == (
        ["multi-2", "multi-3"]
    )
    assert Naming("multi", False, files=files).names([prefix(SALES)]) == ["multi-2"]
    assert Naming("multi", files=files).names([prefix(SALES)]) == ["multi"]
    assert Naming("multi", files=[prefix(SALES, "multi-2")]).names([prefix(SALES)]) == ["multi-2"]


def test_a_name_by_a_text(prefix: Any) -> None:
    """Of the one agent that it is of."""
    both = [prefix(SUPPORT), prefix(SALES)]
    assert Naming("x", texts={"sales": "praise"}).names(both) == ["x", "sales"]
    for text, expected in (("nowhere", "no agent's"), ("find", "2 agents'")):
        with pytest.raises(UsageError, match=expected):
            Naming("x", texts={"sales": text}).names(both)


def test_another_model_is_another_file(prefix: Any) -> None:
    """Of two agents with one prompt, each keeps its own."""
    files = [prefix(SALES, "x", model="claude-haiku-5-5"), prefix(SALES, "x-2")]
    new = [prefix(SALES + "More."), prefix(SALES + "More.", model="claude-haiku-5-5")]
    assert Naming("x", files=files).names(new) == ["x-2", "x"]
