"""Whatever the constructs' arguments and files hold: a value or one declared error."""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.policy import Policy
from prefixwarm.prefix.file_form import dumps
from prefixwarm_cdk import Budget, KeepWarm
from prefixwarm_cdk.prefixes import read
from tests.helpers.garbage import check, garbled, garbled_bytes
from tests.unit.test_boundaries import PREFIX

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.conftest import Tried

TEXTS = (
    *("08:00-20:00", "24:00-00:00", "8-20", "08:00-08:00", "mon-fri", "sat,sun", "", "-", ",", ":"),
    *(
        "2026-12-24",
        "2026-13-01",
        "08:55",
        "99:99",
        "é",
        "\x00",
        "9" * 400,
        "mon-",
        "\ud800",
        "a-b",
    ),
)


def test_hours_budgets_and_intervals(tried: Tried) -> None:
    """What is accepted is a policy of the keep-warm function."""

    def windows(draw: Random) -> None:
        hours, days, by, holidays = (value_of(draw) for _ in range(4))
        rule = KeepWarm.windows(hours, weekdays=days, holidays=holidays, warm_by=by)
        assert rule.policy is not None
        Policy.of(json.loads(json.dumps(rule.policy)))

    def numbers(draw: Random) -> None:
        budget = Budget.usd_per_day(value_of(draw))
        assert budget.dollars > 0
        KeepWarm.ski(interval=value_of(draw))

    turns = cycle((windows, numbers))
    check("hours, budgets and intervals", lambda draw: next(turns)(draw), UsageError, tried)


def value_of(draw: Random) -> Any:
    """A text as it may be written, or anything."""
    kind = draw.random()
    if kind < 0.5:
        return draw.choice(TEXTS)
    if kind < 0.6:
        return [draw.choice(TEXTS), draw.choice(TEXTS)]
    changed = garbled({"value": [1.5]}, draw)
    return changed.get("value") if isinstance(changed, dict) else changed


def test_prefix_files(tried: Tried, tmp_path: Path) -> None:
    """Files and folders of them, at synthesis."""
    document, path = json.loads(dumps(PREFIX)), tmp_path / "a.prefix.json"

    def files(draw: Random) -> None:
        path.write_bytes(garbled_bytes(document, draw))
        for prefix in read([draw.choice((path, tmp_path, str(path)))]):
            assert prefix.name
            assert prefix.digest

    check("prefix files of constructs", files, UsageError, tried)
