"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


CONFTEST = 'pytest_plugins = ["prefixwarm.simulator.pytest"]'
TESTS = """
    import anthropic
    import pytest

    SYSTEM = [{"type": "text", "text": "x" * 9000, "cache_control": {"type": "ephemeral"}}]
    WARM = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 0,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": "warm"}],
    }

    def call(api):
        with anthropic.Anthropic(api_key="k", base_url=api.url, max_retries=0) as client:
            return client.messages.create(**WARM).usage

    @pytest.mark.parametrize("again", [False, True])
    def test_each_test_has_its_own(messages_api, again):
        assert call(messages_api).cache_creation_input_tokens > 0

    def test_time(messages_api, cache_clock):
        call(messages_api)
        before = cache_clock.now
        assert cache_clock.advance(299) == before + 299
        assert call(messages_api).cache_read_input_tokens > 0
        cache_clock.advance(301)
        assert call(messages_api).cache_read_input_tokens == 0

    @pytest.mark.messages_api(refuse_zero=True)
    def test_options(messages_api):
        with pytest.raises(anthropic.BadRequestError):
            call(messages_api)
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder."""
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "--strict-markers", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)


def test_fixtures_clock_and_marker(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(textwrap.dedent(TESTS))
    done = run(tmp_path)
    assert "4 passed" in done.stdout, done.stdout


def test_it_is_not_loaded_by_itself(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(messages_api): pass")
    done = run(tmp_path)
    assert "fixture 'messages_api' not found" in done.stdout
