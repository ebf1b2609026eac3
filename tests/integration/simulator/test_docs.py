"""The simulator's page: its blocks are run as a reader would run them."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from prefixwarm.simulator import Latency, Settings, Switches
from prefixwarm.simulator.control import paths
from prefixwarm.simulator.faults import KINDS
from tests.helpers.waiting import PATIENCE

PAGE = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_blocks_run(tmp_path: Path) -> None:
    plugins, test, context = BLOCKS
    (tmp_path / "conftest.py").write_text(plugins)
    (tmp_path / "test_it.py").write_text(test)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE)
    assert "1 passed" in done.stdout, done.stdout
    exec(compile(context, "docs/simulator.md", "exec"), {})


def test_every_switch_fault_and_control_path_is_on_the_page() -> None:
    for switch in fields(Switches):
        assert f"`{switch.name}`" in PAGE
    for kind in KINDS:
        assert f"`{kind}`" in PAGE
    for path in paths():
        assert path in PAGE


def test_the_defaults_are_those_of_the_page() -> None:
    latency, settings = Latency(), Settings()
    page = " ".join(PAGE.split())
    rates = f"{latency.prefill_rate:,.0f}, {latency.read_rate:,.0f} and {latency.output_rate:.0f}"
    assert f"The defaults are {latency.base} s and {rates} tokens per second" in page
    assert f"last {settings.keep_requests:,} requests" in page
    assert f"at most {settings.keep_bytes >> 20} MB" in page
    assert f"for {settings.gather * 1000:.0f} ms, or {settings.gather * 4000:.0f} ms" in page
