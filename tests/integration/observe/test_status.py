"""What `status` says of a prefix's use: real warm calls, a real SDK, and one state file."""

from __future__ import annotations

import json
from contextlib import closing
from time import time
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.observe import Observer, middleware
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.prefix_file import load, write
from prefixwarm.simulator import running
from prefixwarm.state.keepwarm_model import Registration
from prefixwarm.state.memory import FileState
from prefixwarm.wire.deadline import Deadline
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = "\n".join(f"Rule {i}: parcels of kind {i} go by road {i * 7}." for i in range(120))


def request(system: str = RULES, *, marked: bool = True) -> dict[str, Any]:
    marker = {"cache_control": {"type": "ephemeral", "ttl": "1h"}} if marked else {}
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 50,
        "system": [{"type": "text", "text": system, **marker}],
        "messages": [{"role": "user", "content": "hello"}],
    }


class Deployment:
    """One prefix file, its state, an agent that is observed, and the command line."""

    def __init__(self, folder: Path, url: str, capsys: Any) -> None:
        self._url = url
        self._capsys = capsys
        self._state = folder / "state.json"
        self._file = write(make_prefix("support", request()), folder)

    def register(self) -> None:
        """What the keep-warm function does with every prefix of its manifest."""
        prefix = load(self._file)
        key = compile_prefix(prefix).key("default", {})
        registration = Registration(name=prefix.name, at=time(), due_at=time())
        FileState(self._state).register(key, registration, Deadline.after(30))

    def warm(self) -> None:
        """One warm call."""
        run(["warm", str(self._file), "--state", str(self._state), "--force"])
        self._capsys.readouterr()

    def serve(self, *requests: dict[str, Any]) -> None:
        """Send them from a new environment."""
        lines: list[str] = []
        observer = Observer([load(self._file)], state=FileState(self._state), emit=lines.append)
        chain = [middleware(observer)]
        with closing(
            anthropic.Anthropic(base_url=self._url, api_key="k", middleware=chain)
        ) as agent:
            for request in requests:
                agent.messages.create(**request)
        assert observer.flush(30)
        assert observer._outbox is not None
        observer._outbox.send_all(30)

    def says(self) -> tuple[str, str]:
        """What `status` and `explain` say of its use."""
        assert run(["status", "--state", str(self._state), "--json"]) == 0
        (prefix,) = json.loads(self._capsys.readouterr().out)["prefixes"]
        assert run(["explain", "support", "--state", str(self._state)]) == 0
        return prefix["use"], self._capsys.readouterr().out

    def status(self) -> dict[str, Any]:
        """What `status` says, as JSON."""
        assert run(["status", "--state", str(self._state), "--json"]) == 0
        document: dict[str, Any] = json.loads(self._capsys.readouterr().out)
        return document

    def table(self) -> str:
        """The same as a table."""
        assert run(["status", "--state", str(self._state)]) == 0
        return str(self._capsys.readouterr().out)


@pytest.fixture
def deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> Iterator[Deployment]:
    """On a provider of its own."""
    for name in ("PREFIXWARM_TABLE", "PREFIXWARM_PREFIXES", "PREFIXWARM_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    with running(clock="real") as provider:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", provider.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
        yield Deployment(tmp_path, provider.url, capsys)


def test_warmed_and_read(deployment: Deployment) -> None:
    """The first request of a session reads what the warm call wrote."""
    deployment.warm()
    deployment.serve(request())
    use, why = deployment.says()
    assert use == "read"
    assert "1 of 1 observed session starts read it" in why


def test_warmed_but_never_read(deployment: Deployment) -> None:
    """The agent sends what is warmed, without a breakpoint that reads it."""
    deployment.warm()
    deployment.serve(request(marked=False))
    use, why = deployment.says()
    assert use == "not read"
    assert "warmed but never read: 1 sessions started without reading it" in why


def test_warmed_while_nobody_sends_anything(deployment: Deployment) -> None:
    """Nor is a router the warmed agent."""
    deployment.warm()
    deployment.serve(request("Answer with one word: billing or parcels."))
    use, why = deployment.says()
    assert use == "not observed"
    assert "no real traffic was seen: nothing shows that the warm entry is read" in why


@pytest.mark.parametrize(
    "system", [RULES.replace("Rule 9:", "Rule nine:"), "Write poems about the sea. " * 300]
)
def test_warmed_but_not_what_is_sent(deployment: Deployment, system: str) -> None:
    """The prompt was changed, or is another one altogether; after its repair it is read."""
    deployment.warm()
    deployment.serve(request(system))
    use, why = deployment.says()
    assert use == "not what is sent"
    assert "warmed but not what is sent: system[0].text:" in why
    deployment.serve(request())
    assert deployment.says()[0] != "not what is sent"


def test_warmed_by_the_agent_alone(deployment: Deployment) -> None:
    """Though the agent's own requests keep it warm."""
    deployment.register()
    assert deployment.says()[0] == "not observed"
    deployment.serve(request(), request())
    assert deployment.says()[0] == "not read"


def test_the_hit_rate_is_by_tokens(deployment: Deployment) -> None:
    """Of all observed requests, with what the misses cost beyond a read; and in total."""
    deployment.register()
    deployment.serve(request(), request(), request())
    document = deployment.status()
    (prefix,) = document["prefixes"]
    read, written = prefix["tokens_read"], prefix["tokens_written"]
    assert read == 2 * written > 0
    assert prefix["hit_rate"] == read / (read + written + prefix["tokens_uncached"])
    assert document["total"]["hit_rate"] == prefix["hit_rate"]
    assert 0.0 < prefix["missed_usd"] == document["total"]["missed_usd"] < 0.1
    assert f"{prefix['hit_rate']:.0%}" in deployment.table()


def test_not_warmed_by_a_call_that_fails(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no warm call."""
    deployment.register()
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    deployment.warm()
    (prefix,) = deployment.status()["prefixes"]
    assert (prefix["use"], prefix["warm_until"]) == ("not observed", None)
