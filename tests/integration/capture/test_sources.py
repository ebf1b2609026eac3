"""Model and prompt may come from anywhere: capture sees what is sent."""

from __future__ import annotations

import sqlite3
import sys
from subprocess import DEVNULL
from typing import TYPE_CHECKING

from prefixwarm.capture.recording import record, run
from tests.helpers.prefixes import prefix_from_requests

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

AGENT = """
import os, pathlib, sqlite3, sys
import anthropic

here = pathlib.Path(__file__).parent
(tone,) = sqlite3.connect(here / "prompts.db").execute("select tone from prompts").fetchone()
system = (here / "prompt.md").read_text() + tone
with anthropic.Anthropic() as client:
    for question in sys.argv[1:]:
        client.messages.create(
            model=os.environ["AGENT_MODEL"], max_tokens=9, system=system,
            messages=[{"role": "user", "content": question}])
"""


def test_environment_file_and_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is in the prefix file as it was when the agent ran."""
    (tmp_path / "agent.py").write_text(AGENT)
    (tmp_path / "prompt.md").write_text("Help. " * 500)
    with sqlite3.connect(tmp_path / "prompts.db") as database:
        database.execute("create table prompts (tone)")
        database.execute("insert into prompts values ('Be kind.')")
    database.close()
    monkeypatch.setenv("AGENT_MODEL", "claude-haiku-5-5")
    with record() as recording:
        command = [sys.executable, str(tmp_path / "agent.py"), "one", "two"]
        assert run(command, recording, output=DEVNULL) == 0
    prefix = prefix_from_requests(recording.requests, name="agent")
    assert prefix.model == "claude-haiku-5-5"
    assert prefix.request["system"][0]["text"] == "Help. " * 500 + "Be kind."
