"""After a SnapStart restore: the hook is called directly, as no emulator restores snapshots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from faulty_server import FaultyServer, reply

from prefixwarm_extension import snapstart
from tests.helpers.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from extension_bench import Bench

CREDENTIALS = {
    "AccessKeyId": "123456789012",
    "SecretAccessKey": "local",
    "Token": "local",
    "Expiration": "2099-01-01T00:00:00Z",
}


@pytest.fixture
def restored(bench: Bench, layer: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The function's process after a restore, with the layer's Python part."""
    for name, value in bench.plain(PREFIXWARM_INIT_HOLD_MS="9000").environment().items():
        # The runtime's own process keeps the way to its libraries.
        if name not in ("PATH", "LD_LIBRARY_PATH", "LANG", "TZ"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    monkeypatch.setenv("PREFIXWARM_PREFIXES", str(layer / "prefixwarm" / "prefixes"))
    start = layer / "prefixwarm" / "bootstrap.py"
    monkeypatch.setattr(snapstart, "START", str(start))
    return bench


def printed(capfd: pytest.CaptureFixture[str], count: int) -> list[dict[str, str]]:
    """So many lines; a child writes its own after the word that it is waited for."""
    text = ""

    def complete() -> bool:
        nonlocal text
        text += capfd.readouterr().out
        return text.count("\n") >= count

    until(complete)
    return [json.loads(line) for line in text.splitlines()]


def test_the_hook_warms_with_the_container_credentials(
    restored: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Under SnapStart there are no static keys; they come from an endpoint with a token."""
    with FaultyServer(reply(200, CREDENTIALS)) as server:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url + "/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "the-token")
        snapstart.warm_after_restore()
    (state,) = restored.states()
    (line,) = printed(capfd, 1)
    assert len(restored.warm_calls()) == 1
    assert (state["outcome"], line["outcome"]) == ("written", "written")
    assert line["initialization"] == "restored"


def test_a_restored_environment_leaves_a_warm_prefix_alone(
    restored: Bench, capfd: pytest.CaptureFixture[str]
) -> None:
    """Like any other start."""
    snapstart.warm_after_restore()
    snapstart.warm_after_restore()
    assert [line["outcome"] for line in printed(capfd, 2)] == ["written", "skipped"]
    assert len(restored.warm_calls()) == 1
