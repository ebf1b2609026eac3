"""Rules 1 to 5: routes, credentials, versions, headers, clock and control surface."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from prefixwarm.simulator import AwsKey, Principal

if TYPE_CHECKING:
    from tests.integration.simulator.conftest import Api, Json, MakeApi, MakeJson, MakeText


ROUTES = {
    "/v1/messages": "claude-opus-5",
    "/anthropic/v1/messages": "anthropic.claude-opus-5",
}


@pytest.mark.parametrize(("path", "model"), ROUTES.items())
def test_rule_01_messages_and_count_tokens_are_served(
    api: Api, body: MakeJson, path: str, model: str
) -> None:
    assert api.send(body(model=model), path).json()["stop_reason"] == "max_tokens"
    counted = api.send(body(model=model), f"{path}/count_tokens").json()
    assert counted["input_tokens"] > 2000


def test_rule_01_bedrock_takes_model_from_path_and_version_from_body(
    api: Api, body: MakeJson
) -> None:
    request = {**body(model=None), "anthropic_version": "bedrock-2023-05-31"}
    path = "/model/us.anthropic.claude-sonnet-4-6/invoke"
    reply = api.send(request, path)
    assert reply.status_code == 200, reply.text
    assert reply.json()["model"] == "us.anthropic.claude-sonnet-4-6"
    automatic = api.send({**request, "cache_control": {"type": "ephemeral"}}, path)
    assert automatic.status_code == 400
    assert automatic.headers["x-amzn-errortype"] == "ValidationException"
    assert "automatic caching" in automatic.json()["message"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"model": "x"}, 400),
        ({"anthropic_version": "2023-06-01"}, 400),
        ({"anthropic_version": None}, 400),
        ({"anthropic_version": "2026-10-21"}, 400),
    ],
)
def test_rule_01_bedrock_refuses_wrong_bodies(
    api: Api, body: MakeJson, change: Json, status: int
) -> None:
    request = {**body(model=None), "anthropic_version": "bedrock-2023-05-31", **change}
    reply = api.send(request, "/model/us.anthropic.claude-sonnet-4-6/invoke")
    assert reply.status_code == status


def test_rule_01_bedrock_wants_an_inference_profile(api: Api, body: MakeJson) -> None:
    request = {**body(model=None), "anthropic_version": "bedrock-2023-05-31"}
    reply = api.send(request, "/model/anthropic.claude-sonnet-4-6/invoke")
    assert reply.status_code == 400
    assert "inference profile" in reply.json()["message"]


@pytest.mark.parametrize("path", ["/v1/complete", "/v1/messages/", "/model/x/talk", "/x"])
def test_rule_01_unknown_paths_are_404_and_other_methods_405(
    api: Api, body: MakeJson, path: str
) -> None:
    assert api.send(body(), path).status_code == 404
    assert api.client.get("/v1/messages").status_code == 405


@pytest.mark.parametrize("header", ["authorization", "x_api_key"])
def test_rule_02_both_key_headers_are_taken(make_api: MakeApi, body: MakeJson, header: str) -> None:
    api = make_api(keys={"good": Principal("org-a", "wrkspc_a")})
    value = "Bearer good" if header == "authorization" else "good"
    reply = api.send(body(), **{"authorization": None, header: value})
    assert reply.status_code == 200
    assert reply.headers["anthropic-organization-id"] == "org-a"
    assert reply.headers["anthropic-workspace-id"] == "wrkspc_a"


@pytest.mark.parametrize("value", [None, "", "Bearer", "Bearer wrong", "Basic good", "good"])
def test_rule_02_missing_and_unknown_keys_are_401(
    make_api: MakeApi, body: MakeJson, value: object
) -> None:
    api = make_api(keys={"good": Principal()})
    reply = api.send(body(), authorization=value)
    assert reply.status_code == 401
    assert reply.json()["error"]["type"] == "authentication_error"
    assert api.sim.entries() == []


def test_rule_02_without_configured_keys_any_key_is_the_same_principal(
    api: Api, body: MakeJson
) -> None:
    assert api.counts(body(), authorization="Bearer one")[1] == 2000
    assert api.counts(body(), authorization="Bearer two")[0] == 2000
    assert api.send(body(), authorization=None).status_code == 401


SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/{service}/aws4_request, "
    "SignedHeaders=host, Signature=" + "0" * 64
)


def test_rule_02_sigv4_is_taken_by_presence_without_configured_pairs(
    api: Api, body: MakeJson
) -> None:
    request = body(model="anthropic.claude-sonnet-4-6")
    signed = SIGNED.format(service="bedrock-mantle")
    path = "/anthropic/v1/messages"
    assert api.send(request, path, authorization=signed).status_code == 200
    assert api.send(request, path, authorization="AWS4-HMAC-SHA256 nonsense").status_code == 401


def test_rule_02_a_wrong_signature_is_refused_where_pairs_are_configured(
    make_api: MakeApi, body: MakeJson
) -> None:
    api = make_api(aws_keys={"AKIAEXAMPLE": AwsKey("secret")})
    signed = SIGNED.format(service="bedrock-mantle")
    request = body(model="anthropic.claude-sonnet-4-6")
    assert api.send(request, "/anthropic/v1/messages", authorization=signed).status_code == 401
    invoke = {**body(model=None), "anthropic_version": "bedrock-2023-05-31"}
    path = "/model/us.anthropic.claude-sonnet-4-6/invoke"
    reply = api.send(invoke, path, authorization=SIGNED.format(service="bedrock"))
    assert reply.status_code == 403
    assert set(reply.json()) == {"message"}


def test_rule_02_platform_on_aws_needs_a_workspace(api: Api, body: MakeJson) -> None:
    signed = SIGNED.format(service="aws-external-anthropic")
    assert "workspace" in api.refused(body(), authorization=signed)
    reply = api.send(body(), authorization=signed, anthropic_workspace_id="wrkspc_z")
    assert reply.headers["anthropic-workspace-id"] == "wrkspc_z"


def test_rule_02_a_key_of_another_workspace_is_403(make_api: MakeApi, body: MakeJson) -> None:
    api = make_api(keys={"good": Principal("org-a", "wrkspc_a")})
    headers = {"authorization": "Bearer good", "anthropic_workspace_id": "wrkspc_b"}
    api.refused(body(), 403, **headers)


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
def test_rule_03_both_versions_are_taken(api: Api, body: MakeJson, version: str | None) -> None:
    assert api.send(body(), anthropic_version=version).status_code == 200


@pytest.mark.parametrize("version", [None, "", "2024-01-01", "bedrock-2023-05-31"])
def test_rule_03_other_versions_are_refused(api: Api, body: MakeJson, version: str | None) -> None:
    assert "anthropic-version" in api.refused(body(), anthropic_version=version)


@pytest.mark.parametrize("name", ["temperature", "top_p", "top_k"])
def test_rule_03_the_newest_version_refuses_sampling(api: Api, body: MakeJson, name: str) -> None:
    assert name in api.refused(body(**{name: 1}), anthropic_version="2026-10-21")
    assert api.send(body(**{name: 1}), anthropic_version="2023-06-01").status_code == 200


def test_rule_03_the_newest_version_refuses_assistant_documents_and_user_citations(
    api: Api, body: MakeJson
) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "x"}
    document = {"type": "document", "source": source}
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": [document]},
        {"role": "user", "content": "b"},
    ]
    assert "document" in api.refused(body(messages=turns), anthropic_version="2026-10-21")
    location = {"type": "char_location", "cited_text": "x", "document_index": 0}
    location |= {"document_title": "y", "start_char_index": 0, "end_char_index": 1}
    cited = [{"type": "text", "text": "x", "citations": [location]}]
    message = [{"role": "user", "content": cited}]
    assert "citations" in api.refused(body(messages=message), anthropic_version="2026-10-21")
    assert api.send(body(messages=message)).status_code == 200


def test_rule_04_every_reply_is_identified(api: Api, body: MakeJson) -> None:
    good = api.send(body())
    assert re.fullmatch(r"req_\w+", good.headers["request-id"])
    assert "anthropic-organization-id" in good.headers
    assert "anthropic-workspace-id" in good.headers
    for kind in ("requests", "input-tokens", "output-tokens"):
        for what in ("limit", "remaining", "reset"):
            assert f"anthropic-ratelimit-{kind}-{what}" in good.headers
    bad = api.send(body(messages=[]))
    assert bad.json()["request_id"] == bad.headers["request-id"] != good.headers["request-id"]
    assert "anthropic-workspace-id" in bad.headers
    unknown = api.send(body(), authorization=None)
    assert unknown.status_code == 401
    assert "anthropic-workspace-id" not in unknown.headers
    assert "request-id" in unknown.headers


def test_rule_04_aws_adds_its_own_request_id(api: Api, body: MakeJson) -> None:
    reply = api.send(body(), anthropic_workspace_id="wrkspc_a")
    assert reply.headers["x-amzn-requestid"] == reply.headers["request-id"]


def test_rule_05_time_and_ids_are_injected(make_api: MakeApi, body: MakeJson) -> None:
    ids = []
    for _ in range(2):
        api = make_api(seed=7)
        reply = api.send(body())
        ids.append((reply.headers["request-id"], reply.json()["id"]))
    assert ids[0] == ids[1]
    assert make_api(seed=8).send(body()).headers["request-id"] != ids[0][0]


def test_rule_05_manual_time_moves_only_by_advance_and_replies(api: Api, body: MakeJson) -> None:
    before = api.client.get("/_sim/clock").json()
    assert before["clock"] == "manual"
    assert api.client.get("/_sim/clock").json() == before
    moved = api.client.post("/_sim/clock", json={"advance": 90}).json()
    assert moved["now"] == before["now"] + 90
    api.send(body())
    spent = api.sim.requests()[-1]["latency_ms"] / 1000
    assert api.sim.now() == pytest.approx(moved["now"] + spent)


def test_rule_05_the_control_surface_lists_and_resets(api: Api, body: MakeJson) -> None:
    api.send(body())
    [entry] = api.client.get("/_sim/entries").json()["entries"]
    assert entry["tokens"] == 2000
    [request] = api.client.get("/_sim/requests").json()["requests"]
    assert request["path"] == "/v1/messages"
    assert request["route"] == "anthropic"
    assert request["status"] == 200
    assert request["body"] == body()
    assert request["warm"] is True
    assert request["entries"] == [{"key": entry["key"], "tokens": 2000, "ttl": "5m"}]
    assert not {"authorization", "x-api-key"} & set(request["headers"])
    assert api.client.post("/_sim/reset").json() == {"reset": True}
    assert api.client.get("/_sim/entries").json()["entries"] == []
    assert api.client.get("/_sim/requests").json()["requests"] == []


def test_rule_05_bodies_keep_their_key_order(api: Api, body: MakeJson) -> None:
    reordered = dict(reversed(body().items()))
    api.send(reordered)
    listed = api.client.get("/_sim/requests").text
    received = json.loads(listed)["requests"][0]["body"]
    assert list(received) == list(reordered)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/_sim/clock", {"advance": -1}),
        ("/_sim/clock", {"advance": "long"}),
        ("/_sim/clock", {"advance": 1e400}),
        ("/_sim/clock", []),
        ("/_sim/faults", {"kind": "flood"}),
        ("/_sim/faults", {"status": 418}),
        ("/_sim/faults", {"hour": 1}),
        ("/_sim/faults", {"match": {"colour": "red"}}),
        ("/_sim/faults", "x"),
        ("/_sim/switches", {"refuse": True}),
        ("/_sim/switches", {"refuse_zero": 1}),
        ("/_sim/switches", {"scope": "planet"}),
    ],
)
def test_rule_05_bad_control_calls_say_what_is_wrong(api: Api, path: str, value: object) -> None:
    content = json.dumps(value).encode()
    reply = api.client.post(path, content=content)
    assert reply.status_code == 400
    assert len(reply.json()["error"]) > 10


def test_paths_without_the_version_are_taken(api: Api, body: MakeJson) -> None:
    """The Vercel AI SDK's base URL holds the version."""
    assert api.counts(body())[1] == 2000
    reply = api.send(body(), "/messages")
    assert reply.json()["usage"]["cache_read_input_tokens"] == 2000
    assert api.sim.requests()[-1]["route"] == "anthropic"
    assert api.send(body(), "/messages/count_tokens").json()["input_tokens"] == 2001


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "OpenAI's Chat Completions API"),
        ("/chat/completions", "OpenAI's Chat Completions API"),
        ("/v1/responses", "OpenAI's Responses API"),
        ("/v1/complete", "Text Completions"),
    ],
)
def test_other_apis_are_named(api: Api, path: str, name: str) -> None:
    message = api.refused({"model": "gpt-5", "messages": []}, 404, path=path)
    assert name in message
    assert "/v1/messages" in message


def test_an_application_inference_profile_is_a_model_of_which_nothing_is_sure(
    make_api: MakeApi, words: MakeText
) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcd1234efgh"
    path = f"/model/{arn.replace(':', '%3A').replace('/', '%2F')}"
    turn = {"role": "user", "content": [{"text": "x"}]}
    system = [{"text": words(3000)}, {"cachePoint": {"type": "default"}}]
    request = {"system": system, "messages": [turn], "inferenceConfig": {"temperature": 0.5}}
    api = make_api()
    reply = api.send(request, f"{path}/converse")
    assert reply.status_code == 200, reply.text
    assert reply.json()["usage"]["cacheWriteInputTokens"] == 3000
    assert api.sim.requests()[-1]["model"] == arn
    assert api.sim.requests()[-1]["cost_usd"] is None
    named = make_api(profiles={arn: "claude-haiku-4-5"})
    assert named.send(request, f"{path}/converse").json()["usage"]["cacheWriteInputTokens"] == 0
    assert named.sim.requests()[-1]["cost_usd"] > 0
    assert api.send(request, "/model/arn%3Aaws%3Abedrock%3Ax/converse").status_code == 404
