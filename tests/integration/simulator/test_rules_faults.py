"""Rules 36 to 39: faults, limits, money and batches."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
import pytest

from prefixwarm.simulator import Limits
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from prefixwarm.simulator import Simulator
    from tests.integration.simulator.conftest import Api, Json, MakeApi, MakeJson, MakeText


STATUSES = {
    400: ("invalid_request_error", anthropic.BadRequestError),
    401: ("authentication_error", anthropic.AuthenticationError),
    403: ("permission_error", anthropic.PermissionDeniedError),
    404: ("not_found_error", anthropic.NotFoundError),
    413: ("request_too_large", anthropic.APIStatusError),
    429: ("rate_limit_error", anthropic.RateLimitError),
    500: ("api_error", anthropic.InternalServerError),
    504: ("timeout_error", anthropic.APIStatusError),
    529: ("overloaded_error", anthropic.APIStatusError),
}


@pytest.mark.parametrize("status", STATUSES)
def test_rule_36_every_status_in_the_providers_shape(
    sim: Simulator, api: Api, body: MakeJson, status: int
) -> None:
    sim.inject(status=status, count=1)
    kind, error = STATUSES[status]
    with (
        anthropic.Anthropic(api_key="k", base_url=sim.url, max_retries=0) as client,
        pytest.raises(error) as caught,
    ):
        client.messages.create(**body())
    assert caught.value.status_code == status
    assert caught.value.body["error"]["type"] == kind
    assert api.counts(body()) == (0, 2000, 1)


def test_rule_36_retry_after_and_should_retry(sim: Simulator, api: Api, body: MakeJson) -> None:
    sim.inject(status=429, retry_after=7, should_retry=False, count=1)
    reply = api.send(body())
    assert reply.headers["retry-after"] == "7"
    assert reply.headers["x-should-retry"] == "false"


def test_rule_36_the_spend_cap_has_a_code_and_no_retry_after(
    sim: Simulator, api: Api, body: MakeJson
) -> None:
    sim.inject(status=429, error_code="enforced_spend_limit_reached", count=1)
    reply = api.send(body())
    assert "retry-after" not in reply.headers
    assert reply.json()["error"]["details"] == {"error_code": "enforced_spend_limit_reached"}


def test_rule_36_should_retry_steers_the_real_client(sim: Simulator, body: MakeJson) -> None:
    sim.inject(status=400, should_retry=True, retry_after=0, count=1)
    with anthropic.Anthropic(api_key="k", base_url=sim.url, max_retries=1) as client:
        assert client.messages.create(**body()).usage.output_tokens == 0
    assert [request["status"] for request in sim.requests()] == [400, 200]


@pytest.mark.parametrize(("kind", "entries"), [("reset", 0), ("lost", 1)])
@pytest.mark.parametrize("stream", [False, True])
def test_rule_36_connection_reset(
    sim: Simulator, api: Api, body: MakeJson, kind: str, entries: int, stream: bool
) -> None:
    sim.inject(kind=kind, count=1)
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        api.send(body(max_tokens=1, stream=stream))
    assert len(sim.entries()) == entries
    assert sim.requests()[-1]["fault"] == kind


def test_rule_36_malformed_json(sim: Simulator, api: Api, body: MakeJson) -> None:
    sim.inject(kind="malformed", count=1)
    reply = api.send(body())
    assert reply.status_code == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        reply.json()


@pytest.mark.parametrize("clock", ["real", "manual"])
def test_rule_36_a_slow_reply_outlasts_the_client(
    make_api: MakeApi, body: MakeJson, clock: str
) -> None:
    api = make_api(clock)
    api.sim.inject(kind="slow", seconds=30, count=1)
    impatient = httpx2.Timeout(PATIENCE, read=0.3)
    with pytest.raises(httpx2.ReadTimeout):
        api.client.post("/v1/messages", json=body(), headers=api.headers, timeout=impatient)


def test_rule_36_by_count(sim: Simulator, api: Api, body: MakeJson) -> None:
    sim.inject(status=529, count=2)
    assert [api.send(body()).status_code for _ in range(4)] == [529, 529, 200, 200]


def test_rule_36_by_probability_with_a_seed(make_api: MakeApi, body: MakeJson) -> None:
    def pattern(seed: int) -> list[int]:
        api = make_api()
        api.sim.inject(status=500, probability=0.5, seed=seed)
        return [api.send(body()).status_code for _ in range(20)]

    first = pattern(1)
    assert set(first) == {200, 500}
    assert pattern(1) == first
    assert pattern(2) != first


def test_rule_36_by_time_window(sim: Simulator, api: Api, body: MakeJson) -> None:
    now = sim.now()
    sim.inject(status=500, after=now + 100, until=now + 200)
    statuses = []
    for _ in range(3):
        statuses.append(api.send(body()).status_code)
        sim.advance(100)
    assert statuses == [200, 500, 200]


def test_rule_36_by_matching_prefix(
    sim: Simulator, api: Api, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    api.send(body())
    [entry] = sim.entries()
    sim.inject(status=500, match={"prefix": entry["key"]})
    assert api.send(body(max_tokens=5)).status_code == 500
    assert api.send(body(system=[mark(words(2000, "z"))])).status_code == 200
    sim.heal()
    assert api.send(body()).status_code == 200


@pytest.mark.parametrize(
    "match",
    [
        {"warm": False},
        {"contains": "no such text"},
        {"model": "claude-opus-5"},
        {"route": "bedrock"},
        {"path": "/v1/messages/count_tokens"},
        {"workspace": "other"},
    ],
)
def test_rule_36_by_what_the_request_is(
    sim: Simulator, api: Api, body: MakeJson, match: Json
) -> None:
    sim.inject(status=500, match=match)
    assert api.send(body()).status_code == 200
    sim.heal()
    shown = {"warm": True, "contains": "warm", "model": body()["model"], "route": "anthropic"}
    key = next(iter(match))
    if key in shown:
        sim.inject(status=500, match={key: shown[key]})
        assert api.send(body()).status_code == 500


def test_rule_36_faults_are_listed_and_healed(api: Api) -> None:
    api.client.post("/_sim/faults", json=[{"status": 500, "count": 3}, {"kind": "reset"}])
    listed = api.client.get("/_sim/faults").json()["faults"]
    assert [fault["kind"] for fault in listed] == ["error", "reset"]
    assert api.client.delete("/_sim/faults").json() == {"faults": []}


def test_rule_37_requests_per_minute_count_warm_calls(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(limits=Limits(rpm=2))
    assert [api.send(body()).status_code for _ in range(2)] == [200, 200]
    reply = api.send(body())
    assert reply.status_code == 429
    assert reply.json()["error"]["type"] == "rate_limit_error"
    wait = int(reply.headers["retry-after"])
    assert 0 < wait <= 30
    api.sim.advance(wait)
    assert api.send(body()).status_code == 200


def test_rule_37_input_tokens_count_without_reads(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(limits=Limits(itpm=2100))
    assert api.send(body()).status_code == 200
    assert api.send(body()).status_code == 200
    other = body(system="z" * 4000)
    assert api.send(other).status_code == 429
    assert api.send(other, "/v1/messages/count_tokens").status_code == 200
    api.sim.advance(60)
    assert api.send(other).status_code == 200


def test_rule_37_limits_are_reported(make_api: MakeApi, body: MakeJson) -> None:
    reply = make_api(limits=Limits(rpm=10, itpm=9000)).send(body())
    assert reply.headers["anthropic-ratelimit-requests-limit"] == "10"
    assert reply.headers["anthropic-ratelimit-requests-remaining"] == "9"
    assert reply.headers["anthropic-ratelimit-input-tokens-remaining"] == str(9000 - 2001)


def test_rule_38_each_category_has_its_price(
    make_api: MakeApi, body: MakeJson, mark: MakeJson, words: MakeText
) -> None:
    api = make_api()
    marks = [mark(words(2000), "1h"), mark(words(1000, "z"), "5m")]
    api.send(body(system=marks, max_tokens=5))
    api.send(body(system=marks, max_tokens=5))
    first, second = (request["cost_usd"] for request in api.sim.requests())
    # Sonnet 4.6: input 3, 5 m write 3.75, 1 h write 6, read 0.30, output 15 USD per million.
    million = Decimal(1_000_000)
    assert first == (2000 * 6 + 1000 * Decimal("3.75") + 1 * 3 + 5 * 15) / million
    assert second == (3000 * Decimal("0.30") + 1 * 3 + 5 * 15) / million
    assert api.sim.ledger()["total"]["cost_usd"] == first + second


@pytest.mark.parametrize(
    ("model", "change", "factor"),
    [
        ("claude-sonnet-4-6", {"inference_geo": "us"}, Decimal("1.1")),
        ("claude-opus-5", {"speed": "fast"}, Decimal(2)),
        ("claude-opus-5", {"speed": "standard", "inference_geo": "global"}, Decimal(1)),
    ],
)
def test_rule_38_multipliers(
    api: Api, body: MakeJson, model: str, change: Json, factor: Decimal
) -> None:
    api.send(body(model=model))
    plain = api.sim.requests()[-1]["cost_usd"]
    api.sim.reset()
    api.send(body(model=model, **change))
    assert api.sim.requests()[-1]["cost_usd"] == plain * factor


def test_rule_38_us_is_refused_before_the_4_6_generation(api: Api, body: MakeJson) -> None:
    for model in ("claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"):
        assert "inference_geo" in api.refused(body(model=model, inference_geo="us"))


@pytest.mark.parametrize(("tokens", "price"), [(100_000, "0.10"), (100_001, "0.50")])
def test_rule_38_haiku_5_5_has_a_tier_for_all_tokens(
    api: Api, body: MakeJson, tokens: int, price: str
) -> None:
    text = "x" * (tokens * 40 // 13)
    api.send(
        body(model="claude-haiku-5-5", system=None, messages=[{"role": "user", "content": text}])
    )
    [request] = api.sim.requests()
    assert request["usage"]["input_tokens"] == tokens
    assert request["cost_usd"] == tokens * Decimal(price) / 1_000_000


def test_rule_38_a_trace_costs_the_same_each_time(make_api: MakeApi, body: MakeJson) -> None:
    def run(warmed: bool) -> Json:
        api = make_api()
        if warmed:
            api.send(body())
        for _ in range(3):
            api.sim.advance(60)
            api.send(body(max_tokens=50))
        return api.sim.ledger()

    without, warmed = run(warmed=False), run(warmed=True)
    assert run(warmed=True) == warmed
    assert warmed["warm"]["requests"] == 1
    assert warmed["warm"]["write_5m"] == 2000
    assert warmed["other"]["write_5m"] == 0
    # One more read and one more placeholder is all the warm call adds to the total.
    difference = warmed["total"]["cost_usd"] - without["total"]["cost_usd"]
    assert difference == (2000 * Decimal("0.30") + 1 * 3) / 1_000_000


def test_rule_38_an_unknown_price_is_unknown(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(minimums={"claude-sonnet-9": 100})
    api.send(body(model="claude-sonnet-9"))
    assert api.sim.requests()[-1]["cost_usd"] is None
    assert api.sim.ledger()["total"]["cost_usd"] is None
    assert api.client.get("/_sim/ledger").json()["total"]["cost_usd"] is None


def submitted(body: MakeJson, **change: Any) -> dict:
    """A batch of one request."""
    return {"requests": [{"custom_id": "one", "params": body(**change)}]}


def test_rule_39_a_batch_refuses_zero_output(sim: Simulator, body: MakeJson) -> None:
    with anthropic.Anthropic(api_key="k", base_url=sim.url, max_retries=0) as client:
        with pytest.raises(anthropic.BadRequestError, match="max_tokens"):
            client.messages.batches.create(**submitted(body))
        assert sim.entries() == []
        batch = client.messages.batches.create(**submitted(body, max_tokens=5))
        assert batch.processing_status == "ended"
        assert client.messages.batches.retrieve(batch.id).request_counts.succeeded == 1
        [line] = client.messages.batches.results(batch.id)
    assert line.custom_id == "one"
    assert line.result.message.usage.service_tier == "batch"


def test_rule_39_a_batch_costs_half(make_api: MakeApi, body: MakeJson) -> None:
    costs = []
    for path, request in (
        ("/v1/messages", body(max_tokens=5)),
        ("/v1/messages/batches", submitted(body, max_tokens=5)),
    ):
        api = make_api()
        assert api.send(request, path).status_code == 200
        costs.append(api.sim.ledger()["total"]["cost_usd"])
    assert costs[1] == costs[0] / 2


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"requests": []},
        {"requests": [{}]},
        {"requests": [{"custom_id": "a", "params": {}}]},
        {"requests": [{"custom_id": "a", "params": 1}]},
        {"requests": [1]},
    ],
)
def test_rule_39_bad_batches_are_refused(api: Api, value: object) -> None:
    assert api.send(value, "/v1/messages/batches").status_code == 400
    assert api.client.get("/v1/messages/batches/x", headers=api.headers).status_code == 404
