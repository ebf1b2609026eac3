"""The examples run: a web service, a container's worker, and a notebook."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.testing import simulator
from tests.helpers.state_table import create_state_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.simulator import Simulator

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """The provider that the environment names."""
    with simulator(clock="real") as sim:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", sim.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "local")
        yield sim


def loaded(path: Path) -> Any:
    """The module of an example."""
    spec = importlib.util.spec_from_file_location(f"example_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_fastapi(provider: Simulator) -> None:
    """Ready when it is warm; what is asked then reads the prefix."""
    pytest.importorskip("fastapi")
    import httpx2

    app = loaded(EXAMPLES / "fastapi" / "app.py").app

    async def run() -> None:
        transport = httpx2.ASGITransport(app=app)
        async with (
            app.router.lifespan_context(app),
            httpx2.AsyncClient(transport=transport, base_url="http://service") as client,
        ):
            assert (await client.get("/ready")).json() == {"warm": True}
            reply = (await client.post("/ask", params={"question": "Open today?"})).json()
            assert reply["read_tokens"] > 1000
            assert reply["answer"]
            status = (await client.get("/warm")).json()
            assert (status["warm"], status["outcome"]) == (True, "written")

    asyncio.run(run())
    assert len(provider.requests()) == 2


def test_fargate(provider: Simulator, aws: LocalAws) -> None:
    """Warms before its first question, shares the table, and ends when it is told to."""
    queue = aws.client("sqs")
    create_state_table(aws, "examples-fargate")
    urls = {
        variable: queue.create_queue(QueueName=f"examples-{variable.lower()}")["QueueUrl"]
        for variable in ("QUEUE_URL", "ANSWERS_URL")
    }
    queue.send_message(QueueUrl=urls["QUEUE_URL"], MessageBody="Where is my order?")
    worker = subprocess.Popen(
        [sys.executable, EXAMPLES / "fargate" / "worker.py"],
        env={**os.environ, **aws.environment(), **urls, "WARM_TABLE": "examples-fargate"},
        stderr=subprocess.PIPE,
    )
    try:
        answers: list[Any] = []
        while not answers and worker.poll() is None:
            got = queue.receive_message(QueueUrl=urls["ANSWERS_URL"], WaitTimeSeconds=1)
            answers += got.get("Messages", ())
        assert json.loads(answers[0]["Body"])["read_tokens"] > 1000
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0
    finally:
        worker.kill()
        worker.communicate()
    kinds = [bool(request["usage"]["cache_read_input_tokens"]) for request in provider.requests()]
    assert kinds == [False, True]


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_notebook(provider: Simulator) -> None:
    """Its cells, in order."""
    notebook = json.loads((EXAMPLES / "notebook" / "support.ipynb").read_text("utf-8"))
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                assert cell["outputs"] == []
                exec("".join(cell["source"]), names)
    assert names["answer"]
    assert "read from the cache: 0" not in printed.getvalue()
    assert names["schedule"].status("paper").warm
    names["client"].close()
    assert len(provider.requests()) == 2
