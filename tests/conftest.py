"""How many examples a property is tried with, and what a run with full numbers tried."""

from __future__ import annotations

import gc
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers import effort, reliability
from tests.helpers import tried as tries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Tried = Callable[[int, str], None]

# CDK would load its own rules in each process that synthesises, for seconds; the tests that are
# about the templates ask for them (tests/unit/cdk/conftest.py).
os.environ.setdefault("CDK_VALIDATION", "false")
# CDK's packages are unpacked once, not for every test that has a home of its own.
packages = Path.home() / ".cache" / "aws" / "jsii" / "package-cache"
os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(packages))

# The environment of the agent frameworks has no Hypothesis.
if find_spec("hypothesis"):
    from hypothesis import HealthCheck, settings

    for profile, examples in effort.EXAMPLES_BY_PROFILE.items():
        # How long an example takes says nothing on a busy machine.
        settings.register_profile(
            profile,
            max_examples=examples,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
    settings.load_profile(effort.PROFILE)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage among what the modules make: it stays, and there is much of it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_sessionfinish() -> None:
    """Let it end in the usual order."""
    gc.unfreeze()


# What a folder's tests share is dear: Node.js's kernel and the layer, or a deployment.
IN_ONE_PROCESS = ("tests/e2e/deployed/", "tests/unit/cdk/")
# These share nothing and each takes seconds: one worker would be left alone with them.
IN_ANY_PROCESS = ("tests/unit/cli/test_missing_extras.py",)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Run a module's tests in one process, and those of some folders; those of others anywhere."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            if nodeid.startswith(IN_ANY_PROCESS):
                return nodeid
            folder = next(filter(nodeid.startswith, IN_ONE_PROCESS), None)
            return folder or super()._split_scope(nodeid)

    return ByFolder(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture
def tried(record_property: Callable[[str, object], None]) -> Tried:
    """Note how many of something a test went through, for the end of a run."""
    return lambda count, what: record_property(*tries.note(count, what))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: Any, call: Any) -> None:
    """Note a property's examples."""
    statistics = getattr(item, "hypothesis_statistics", "")
    if statistics and call.when == "call":
        item.user_properties.append(tries.note_examples(statistics, item.originalname))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print and record what was tried, in a run with full numbers."""
    states = ("passed", "failed", "error")
    reports = [report for state in states for report in terminalreporter.getreports(state)]
    if effort.FULL or os.environ.get("RECORD_RELIABILITY"):
        reliability.record(reports, effort.PROFILE)
    if effort.FULL:
        terminalreporter.section("tried with full numbers")
        for line in tries.summary(report for report in reports if report.when == "call"):
            terminalreporter.line(line)
