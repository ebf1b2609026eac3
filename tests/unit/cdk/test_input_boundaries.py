"""Whatever the constructs' arguments and files hold: a value or one declared error."""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING

from prefixwarm.errors import SettingsError, UsageError
from prefixwarm.policy import Policy
from prefixwarm.prefix.file_form import dumps
from prefixwarm.settings import Settings
from prefixwarm_cdk import Budget, KeepWarm
from prefixwarm_cdk.inputs import check_settings, expect_count
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
VARIABLES = {
    "PREFIXWARM_CACHE_SCOPE": "default",
    "PREFIXWARM_LATENCY_VALUE": "0.1",
    "PREFIXWARM_INIT": "auto",
    "PREFIXWARM_INIT_HOLD_MS": "3000",
    "PREFIXWARM_GATE_MS": "0",
    "PREFIXWARM_INIT_USD_PER_WEEK": "1",
    "PREFIXWARM_METRICS": "full",
}


def test_hours_budgets_and_counts(tried: Tried) -> None:
    """What is accepted is a policy of the keep-warm function."""

    def windows(draw: Random) -> None:
        hours, days, by, *holidays = (draw.choice(TEXTS) for _ in range(5))
        rule = KeepWarm.windows(hours, weekdays=days, holidays=holidays, warm_by=by)
        assert rule.policy is not None
        Policy.of(json.loads(json.dumps(rule.policy)))

    def numbers(draw: Random) -> None:
        value = draw.choice(
            (0, -1, 1, 1.5, float("nan"), float("inf"), 1e308, True, 10**400, "x", None)
        )
        Budget.usd_per_day(value)  # type: ignore[arg-type]
        expect_count("calls_per_minute", value)  # type: ignore[arg-type]

    turns = cycle((windows, numbers))
    check("hours, budgets and counts", lambda draw: next(turns)(draw), UsageError, tried)


def test_settings(tried: Tried) -> None:
    """What is accepted is what the deployed code accepts."""
    arguments = {name: name.lower() for name in VARIABLES}

    def settings(draw: Random) -> None:
        document = garbled(VARIABLES, draw)
        variables = {**VARIABLES, **(document if isinstance(document, dict) else {})}
        texts = {name: str(variables[name]) for name in VARIABLES}
        check_settings(texts, arguments)
        Settings.from_environment(texts)

    check("settings of constructs", settings, SettingsError, tried)


def test_prefix_files(tried: Tried, tmp_path: Path) -> None:
    """Files and folders of them, at synthesis."""
    document, path = json.loads(dumps(PREFIX)), tmp_path / "a.prefix.json"

    def files(draw: Random) -> None:
        path.write_bytes(garbled_bytes(document, draw))
        for prefix in read([draw.choice((path, tmp_path, str(path)))]):
            assert prefix.name
            assert prefix.digest

    check("prefix files of constructs", files, UsageError, tried)
