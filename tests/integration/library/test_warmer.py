"""A warmer on every kind of client: what it warms is what the same client's requests read."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock
from typing import TYPE_CHECKING, Any

import anthropic
import boto3
import httpx2
import pytest

from prefixwarm import Prefix, Warmer
from prefixwarm.capture.warm_file import defined_prefix
from prefixwarm.errors import UsageError
from prefixwarm.prefix.prefix_file import load, write
from prefixwarm.testing import RecordingTransport, simulator
from tests.helpers.forking import holds_in_child
from tests.helpers.state_table import create_state_table
from tests.helpers.waiting import PATIENCE
from tests.integration.library.conftest import MODEL, PAIR, QUESTION, SYSTEM, runtime, support

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.simulator import Simulator


def sdk(kind: str, sim: Simulator) -> Any:
    """A client of the SDK."""
    makers: dict[str, Callable[[], Any]] = {
        "aws": lambda: anthropic.AnthropicAWS(**PAIR, workspace_id="w", base_url=sim.url),
        "bedrock": lambda: anthropic.AnthropicBedrock(**PAIR, base_url=sim.url),
        "bedrock-mantle": lambda: anthropic.AnthropicBedrockMantle(**PAIR, base_url=sim.mantle_url),
    }
    return makers[kind]()


@pytest.mark.parametrize(
    ("route", "model"),
    [
        ("aws", MODEL),
        ("bedrock", f"global.anthropic.{MODEL}"),
        ("bedrock-mantle", f"anthropic.{MODEL}"),
    ],
)
def test_the_sdks_clients(sim: Simulator, route: str, model: str) -> None:
    """With their own signatures, base URLs and bodies."""
    prefix = support(model=model, route=route)
    with sdk(route, sim) as client:
        result = Warmer(client, prefix, clock=sim.now).warm("support")
        assert (result.outcome, result.output_tokens) == ("written", 0)
        assert result.granted_ttl == 3600
        usage = client.messages.create(**prefix.request(QUESTION)).usage
    assert usage.cache_read_input_tokens == result.cache_creation_1h_tokens > 1000
    assert usage.cache_creation_input_tokens == 0


def test_converse_through_boto3(sim: Simulator) -> None:
    """The least that Converse takes is one token."""
    prefix = support(model=f"global.anthropic.{MODEL}", route="bedrock-converse")
    client = runtime(sim)
    result = Warmer(client, prefix, clock=sim.now).warm("support")
    assert (result.outcome, result.output_tokens) == ("written", 1)
    request = prefix.request([{"role": "user", "content": [{"text": "Hello"}]}])
    usage = client.converse(**request)["usage"]
    assert usage["cacheReadInputTokens"] == result.cache_creation_tokens


def test_invoke_model_through_boto3(sim: Simulator) -> None:
    """The body goes as it was compiled."""
    version = {"anthropic_version": "bedrock-2023-05-31"}
    prefix = support(model=f"global.anthropic.{MODEL}", route="bedrock", **version)
    client = runtime(sim)
    result = Warmer(client, prefix, clock=sim.now).warm("support")
    assert result.outcome == "written"
    body = prefix.request(QUESTION)
    model = body.pop("model")
    reply = json.loads(client.invoke_model(modelId=model, body=json.dumps(body))["body"].read())
    assert reply["usage"]["cache_read_input_tokens"] == result.cache_creation_tokens


def test_the_clients_own_hooks_see_warm_calls(sim: Simulator) -> None:
    """They go out as every request of the client does."""
    seen: list[str] = []

    def hook(request: Any, call_next: Callable[[Any], Any]) -> Any:
        seen.append(request.url)
        return call_next(request)

    with anthropic.Anthropic(api_key="k", base_url=sim.url, middleware=[hook]) as client:
        Warmer(client, support(), clock=sim.now).warm("support")
    assert seen == ["/v1/messages"]


def test_one_result(sim: Simulator, client: anthropic.Anthropic) -> None:
    """It says what was billed, and until when the entry lives."""
    warmer = Warmer(client, support(), clock=sim.now)
    began = sim.now()
    first = warmer.warm("support")
    assert first.cache_creation_tokens == first.cache_creation_1h_tokens > 1000
    assert first.warm_until == began + 3600
    assert first.cost_usd == pytest.approx(float(sim.ledger()["total"]["cost_usd"]))
    assert first.message_id.startswith("msg_")
    assert first.latency_seconds > 0
    second = warmer.warm("support")
    assert (second.outcome, second.reason, second.calls, second.cost_usd) == (
        *("skipped", "warm", 0, 0.0),
    )
    third = warmer.warm("support", force=True)
    assert (third.outcome, third.cache_read_tokens) == ("refreshed", first.cache_creation_tokens)
    assert len(sim.requests()) == 2


def test_what_it_saves(sim: Simulator, client: anthropic.Anthropic) -> None:
    """A miss that it avoids, less the call; not the reads that come for nothing anyway."""
    warmer = Warmer(client, support(), clock=sim.now)
    written = warmer.warm("support")
    tokens = written.cache_creation_tokens
    premium, cost = tokens * (4.0 - 0.1) / 1e6, written.cost_usd
    assert cost is not None
    assert written.estimated_savings(0) == -cost
    assert written.estimated_savings(1) == pytest.approx(premium - cost)
    assert written.estimated_savings(100) == written.estimated_savings(1)
    assert written.estimated_savings(100, gap_seconds=3600) == -cost
    sim.advance(600)
    refreshed = warmer.warm("support", force=True)
    assert refreshed.estimated_savings(100) == -(refreshed.cost_usd or 0.0)
    saved = refreshed.estimated_savings(100, gap_seconds=3200)
    assert saved == pytest.approx(premium - (refreshed.cost_usd or 0.0))
    assert warmer.warm("support").estimated_savings(100) == 0.0


def test_unknown_prices_stay_unknown(sim: Simulator, client: anthropic.Anthropic) -> None:
    """And your own come first."""
    own = {MODEL: {"input": 1, "output": 5, "read": 0.5, "write_1h": 3}}
    result = Warmer(client, support(), prices=own, clock=sim.now).warm("support")
    billed = 3 * result.cache_creation_tokens + result.input_tokens
    assert result.cost_usd == pytest.approx(billed / 1e6)
    partly = {MODEL: {"input": 1, "output": 5}}
    other = Warmer(client, support(system=SYSTEM + "!"), prices=partly, clock=sim.now)
    unpriced = other.warm("support")
    assert (unpriced.cost_usd, unpriced.estimated_savings(5)) == (None, None)


def test_verify_reads_once_more(sim: Simulator, client: anthropic.Anthropic) -> None:
    """And counts what that costs."""
    result = Warmer(client, support(), clock=sim.now).warm("support", verify=True)
    assert result.verified_read_tokens == result.cache_creation_tokens
    assert result.calls == len(sim.requests()) == 2
    assert result.cost_usd == pytest.approx(float(sim.ledger()["total"]["cost_usd"]))
    assert result.ok


def test_a_prefix_that_is_not_cached(sim: Simulator, client: anthropic.Anthropic) -> None:
    """Is no success, whatever the status says."""
    result = Warmer(client, support(system="Short."), clock=sim.now).warm("support")
    assert (result.outcome, result.ok) == ("uncached", False)
    assert "minimum" in result.reason


def test_only_what_has_lapsed(sim: Simulator, client: anthropic.Anthropic) -> None:
    """`ensure_cached` does nothing while the entry lives, to its last seconds."""
    warmer = Warmer(client, support(ttl="5m"), clock=sim.now)
    assert warmer.ensure_cached("support").cache_creation_5m_tokens > 1000
    sim.advance(280)
    assert warmer.ensure_cached("support").outcome == "skipped"
    sim.advance(25)
    assert warmer.ensure_cached("support").outcome == "written"


def test_no_name_is_not_all(sim: Simulator, client: anthropic.Anthropic) -> None:
    """A missing name must not warm every prefix."""
    warmer = Warmer(client, support(), clock=sim.now)
    with pytest.raises(UsageError, match="prefix None is not one of the warmer's: support"):
        warmer.ensure_cached(None)  # type: ignore[arg-type]
    assert not sim.requests()


def test_zero_tokens_refused() -> None:
    """One token is asked for instead, and from then on at once."""
    with (
        simulator(refuse_zero=True) as sim,
        anthropic.Anthropic(api_key="k", base_url=sim.url, max_retries=0) as client,
    ):
        warmer = Warmer(client, support(), clock=sim.now)
        result = warmer.warm("support")
        assert (result.outcome, result.output_tokens) == ("written", 1)
        warmer.warm("support", force=True)
        asked = [request["body"]["max_tokens"] for request in sim.requests()]
        assert asked == [0, 1, 1]


def test_several_prefixes_and_models(sim: Simulator, client: anthropic.Anthropic) -> None:
    """Side by side, in the order in which they were given."""
    prefixes = [
        support(),
        support().with_model("claude-haiku-5-5", name="small"),
        Prefix("other", model=MODEL, system=SYSTEM[::-1]),
    ]
    results = Warmer(client, prefixes, clock=sim.now).warm()
    assert [result.name for result in results] == ["support", "small", "other"]
    assert [result.outcome for result in results] == ["written"] * 3
    assert results[1].model == "claude-haiku-5-5"


def test_failures_are_results(client: anthropic.Anthropic, sim: Simulator) -> None:
    """Of provider and network; the next call waits for the back-off."""
    sim.inject(status=529)
    warmer = Warmer(client, support(), clock=sim.now)
    failed = warmer.warm("support")
    assert (failed.outcome, failed.reason) == ("failed", "HTTP 529 overloaded_error")
    assert (failed.cost_usd, failed.estimated_savings(10)) == (0.0, 0.0)
    assert warmer.warm("support").reason == "route anthropic paused: HTTP 529 overloaded_error"
    sim.heal()
    sim.advance(46)
    assert warmer.warm("support").ok
    with anthropic.Anthropic(api_key="k", base_url="http://127.0.0.1:9", max_retries=0) as nowhere:
        unreachable = Warmer(nowhere, support()).warm("support")
    assert (unreachable.outcome, unreachable.calls, unreachable.cost_usd) == ("failed", 0, 0.0)


def test_a_fault_of_the_route_stops_the_other_prefixes(
    client: anthropic.Anthropic, sim: Simulator
) -> None:
    """One call tells that the key is refused; the others are not sent."""
    sim.inject(status=401)
    prefixes = [support().with_model(MODEL, name=f"p{i}", system=SYSTEM + str(i)) for i in range(9)]
    results = Warmer(client, prefixes, max_in_flight=1, clock=sim.now).warm()
    assert [result.outcome for result in results] == ["failed"] + ["skipped"] * 8
    assert len(sim.requests()) == 1


def test_starting_logs_failures(
    client: anthropic.Anthropic, sim: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """And raises none of them."""
    sim.inject(status=401)
    with caplog.at_level(logging.WARNING, "prefixwarm"):
        (result,) = Warmer(client, support(), clock=sim.now).start().result(PATIENCE)
    assert result.outcome == "failed"
    assert "prefix support was not warmed: failed: HTTP 401" in caplog.text
    assert SYSTEM[:20] not in caplog.text


def test_the_kill_switch(
    client: anthropic.Anthropic, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the environment: nothing is sent."""
    monkeypatch.setenv("PREFIXWARM_DISABLED", "1")
    result = Warmer(client, support(), clock=sim.now).warm("support")
    assert (result.outcome, result.reason) == (
        *("skipped", "PREFIXWARM_DISABLED is set: nothing is sent"),
    )
    assert sim.requests() == []


def test_a_prefix_file(sim: Simulator, client: anthropic.Anthropic, tmp_path: Path) -> None:
    """By its path, and as it was loaded; it shares the state of what it was built from."""
    path = write(defined_prefix(support()), tmp_path)
    store = tmp_path / "state.json"
    assert Warmer(client, [path], store=store, clock=sim.now).warm("support").outcome == "written"
    for prefix in (load(path), support()):
        result = Warmer(client, [prefix], store=store, clock=sim.now).warm("support")
        assert (result.outcome, result.reason) == ("skipped", "warm")


def test_a_thousand_threads_make_one_call(sim: Simulator, client: anthropic.Anthropic) -> None:
    """Those that came while it was made, and those that came after."""
    warmer = Warmer(client, support(), clock=sim.now)
    barrier = Barrier(1000)

    def ask() -> tuple[bool, int, float | None]:
        barrier.wait()
        result = warmer.warm("support")
        return result.ok, result.calls, result.cost_usd

    with ThreadPoolExecutor(1000) as pool:
        results = [future.result() for future in [pool.submit(ask) for _ in range(1000)]]
    assert all(ok for ok, _, _ in results)
    assert sum(calls for _, calls, _ in results) == len(sim.requests()) == 1
    total = float(sim.ledger()["total"]["cost_usd"])
    assert sum(cost or 0.0 for _, _, cost in results) == pytest.approx(total)


ONE_OF_SEVERAL = """
import json, sys
from pathlib import Path
from urllib.request import Request, urlopen
from prefixwarm import Prefix, Warmer

url, store, system = sys.argv[1:]

class Plain:
    def send(self, request):
        headers = {"x-api-key": "k", "content-type": "application/json", **request.headers}
        body = json.dumps(request.body).encode()
        with urlopen(Request(f"{url}/v1/messages", body, headers)) as reply:
            return json.load(reply)

prefix = Prefix("support", model="claude-sonnet-5-5", system=system)
print(Warmer(Plain(), prefix, store=Path(store)).warm("support").outcome)
"""


def test_processes_that_share_a_file(tmp_path: Path) -> None:
    """Make one call between them."""
    with simulator(clock="real") as sim:
        arguments = [ONE_OF_SEVERAL, sim.url, str(tmp_path / "state.json"), SYSTEM]
        started = [
            subprocess.Popen([sys.executable, "-c", *arguments], stdout=subprocess.PIPE)
            for _ in range(5)
        ]
        outcomes = [process.communicate()[0].decode().strip() for process in started]
        assert sorted(outcomes) == ["skipped"] * 4 + ["written"]
        assert len(sim.requests()) == 1


def test_after_a_fork() -> None:
    """The child has threads and locks of its own."""
    warmer = Warmer(RecordingTransport(), support())
    warmer.warm("support")
    assert holds_in_child(lambda: warmer.warm("support", force=True).outcome == "refreshed")


class Table:
    """A table as boto3's resources have it."""

    table_name = "warm"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Warmer(object(), []), "client: object cannot make warm calls"),
        (lambda: Warmer(anthropic.AsyncAnthropic(api_key="k")), "use AsyncWarmer"),
        (
            lambda: Warmer(anthropic.Anthropic(api_key="k"), support(route="bedrock")),
            'give the prefix route="anthropic"',
        ),
        (lambda: Warmer(RecordingTransport(), [support()] * 2), "two prefixes have this name"),
        (lambda: Warmer(RecordingTransport(), support(), placeholder=" "), "non-blank"),
        (lambda: Warmer(RecordingTransport(), max_in_flight=0), "at least 1"),
        (lambda: Warmer(RecordingTransport(), support()).warm("other"), "support"),
        (lambda: Warmer(RecordingTransport(), store="a/b"), "pathlib.Path"),
        (lambda: Warmer(RecordingTransport(), store=3), "int is not a store; give a table's name"),
        (lambda: Warmer(RecordingTransport(), store=Table()), "give its name, 'warm'"),
    ],
)
def test_what_is_refused(make: Callable[[], Any], says: str) -> None:
    """In one line that says what to do."""
    with pytest.raises(UsageError, match=says):
        make()


class Counting:
    """Answers in turn, and counts how many it answers at a time."""

    def __init__(self) -> None:
        self.inner = RecordingTransport()
        self.lock, self.now, self.most, self.three = Lock(), 0, 0, Event()

    def send(self, request: Any) -> Any:
        """Answer one warm call, not at once."""
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
            if self.now == 3:
                self.three.set()
        self.three.wait(PATIENCE)
        Event().wait(0.005)
        with self.lock:
            self.now -= 1
        return self.inner.send(request)


def test_a_bounded_number_in_flight() -> None:
    """Of all prefixes together."""
    prefixes = [support(system=f"{SYSTEM}{i}").with_model(MODEL, name=f"p{i}") for i in range(12)]
    counting = Counting()
    results = Warmer(counting, prefixes, max_in_flight=3).warm()
    assert [result.outcome for result in results] == ["written"] * 12
    assert counting.most == 3


def test_a_placeholder_of_ones_own(sim: Simulator, client: anthropic.Anthropic) -> None:
    """Behind the prefix, of which it is no part; inside a user's message as well."""
    prefixes = [support(), support(context="The catalogue. " * 900).with_model(MODEL, name="other")]
    warmer = Warmer(client, prefixes, placeholder="Good morning!", clock=sim.now)
    warmer.warm()
    for request in sim.requests():
        assert request["body"]["messages"][-1]["content"] == "Good morning!"
    plain = Warmer(client, prefixes, clock=sim.now).warm()
    assert [result.outcome for result in plain] == ["refreshed", "refreshed"]


def test_a_table_that_warmers_share(
    aws: LocalAws, sim: Simulator, client: anthropic.Anthropic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its name, through boto3."""
    create_state_table(aws, "library-warmers")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)
    warmers = [Warmer(client, support(), store="library-warmers", clock=sim.now) for _ in range(2)]
    assert [warmer.warm("support").outcome for warmer in warmers] == ["written", "skipped"]
    away = Warmer(client, support(), store="no-such-table", clock=sim.now).warm("support")
    assert (away.outcome, away.calls) == ("failed", 0)


def test_another_clouds_client() -> None:
    """Takes the same prefix; its dollars are unknown, unless they are yours."""

    def answer(request: Any) -> Any:
        assert request.url.path.endswith(f"/{MODEL}:rawPredict")
        usage = {"input_tokens": 2, "output_tokens": 0, "cache_creation_input_tokens": 2000}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
        return httpx2.Response(200, json={**message, "model": MODEL, "usage": usage})

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    client = anthropic.AnthropicVertex(
        region="europe-west1", project_id="p", access_token="t", http_client=http
    )
    own = {MODEL: {"input": 2, "output": 10, "write_5m": 3, "read": 0.1}}
    with client:
        unknown = Warmer(client, support(ttl="5m")).warm("support")
        priced = Warmer(client, support(ttl="5m"), prices=own).warm("support")
    assert (unknown.outcome, unknown.cost_usd) == ("written", None)
    assert priced.cost_usd == pytest.approx((2000 * 3 + 2 * 2) / 1e6)


def test_a_part_that_was_there_is_no_saving() -> None:
    """Nor an hour that was not granted a dearer miss."""
    usage = {"input_tokens": 2, "cache_read_input_tokens": 900}
    five = {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0}
    partly = {**usage, "cache_creation_input_tokens": 100, "cache_creation": five}
    result = Warmer(RecordingTransport([partly]), support()).warm("support")
    assert (result.outcome, result.granted_ttl) == ("partial", 300)
    assert result.cost_usd is not None
    saved = result.estimated_savings(1)
    assert saved == pytest.approx(100 * (2.5 - 0.1) / 1e6 - result.cost_usd)


def test_one_path(tmp_path: Path) -> None:
    """Is one prefix, not the letters of its name."""
    path = write(defined_prefix(support()), tmp_path)
    assert Warmer(RecordingTransport(), str(path)).prefixes == ["support"]
