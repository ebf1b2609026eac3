"""Keys of prefixes: equal exactly where a request reads what the other one wrote."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm import Prefix, PrefixFile, prefix_key
from prefixwarm.errors import UsageError
from prefixwarm.prefix.warm_request import PLACEHOLDER
from prefixwarm.simulator import running
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator import Simulator

MARK = {"type": "ephemeral"}
TEXT = "You answer questions of the customers of a shop for lamps. " * 120
TOOL = {
    "name": "find_order",
    "description": "Finds an order by its number.",
    "input_schema": {"type": "object", "properties": {"number": {"type": "string"}}},
}
OTHER = {**TOOL, "name": "find_lamp"}
BASE: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 16,
    "tools": [TOOL, OTHER],
    "system": [{"type": "text", "text": TEXT, "cache_control": MARK}],
    "messages": [{"role": "user", "content": "Where is my order?"}],
}


def changed(**fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(BASE), **fields}


def system(text: str, **marker: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text, "cache_control": {**MARK, **marker}}]


def reordered(tool: dict[str, Any]) -> dict[str, Any]:
    return dict(reversed(tool.items()))


REQUESTS = {
    "the same": changed(),
    "another question": changed(messages=[{"role": "user", "content": "Hello"}]),
    "a TTL": changed(system=system(TEXT, ttl="1h")),
    "the default TTL": changed(system=system(TEXT, ttl="5m")),
    "an identity": changed(metadata={"user_id": "u1"}),
    "a stop": changed(stop_sequences=["END"]),
    "an explicit default": changed(output_config={"effort": "high"}),
    "another effort": changed(output_config={"effort": "low"}),
    "a tool choice": changed(tool_choice={"type": "none"}),
    "another space": changed(system=system(TEXT + " ")),
    "another order of tools": changed(tools=[OTHER, TOOL]),
    "another order of keys": changed(tools=[reordered(TOOL), OTHER]),
    "one tool less": changed(tools=[TOOL]),
    "a marker on a tool": changed(tools=[TOOL, {**OTHER, "cache_control": MARK}]),
    "thinking": changed(thinking={"type": "adaptive"}),
    "another model": changed(model="claude-opus-5-5"),
    "a deferred tool": changed(tools=[TOOL, OTHER, {**TOOL, "name": "x", "defer_loading": True}]),
}
READS = {
    *("the same", "another question", "an identity", "a stop", "a tool choice"),
    *("the default TTL", "an explicit default", "a marker on a tool", "a deferred tool"),
}


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    with running(clock="manual") as simulator:
        yield simulator


@pytest.mark.parametrize("what", REQUESTS)
def test_equal_exactly_when_the_provider_reads(what: str, provider: Simulator) -> None:
    provider.reset()
    with anthropic.Anthropic(api_key="k", base_url=provider.url, max_retries=0) as client:
        written = client.messages.create(**BASE).usage.cache_creation_input_tokens
        assert written
        read = client.messages.create(**REQUESTS[what]).usage.cache_read_input_tokens
    assert (prefix_key(REQUESTS[what]) == prefix_key(BASE)) is (read == written)


def test_a_ttl_is_not_the_content() -> None:
    """Whether an hour's marker reads a five minutes' entry is not settled; the content is one."""
    assert prefix_key(REQUESTS["a TTL"]) == prefix_key(BASE)


def test_stable_over_versions() -> None:
    """A key is stored by users: this one may not change."""
    assert prefix_key(changed(system="Be kind.", tools=[])) == (
        "pw1-2ae993293b41efd111db0391eaa6ffb7c93a4628"
    )


def test_fits_openais_parameter() -> None:
    assert re.fullmatch(r"pw1-[0-9a-f]{40}", prefix_key(BASE))


def test_betas_count_and_their_order_does_not() -> None:
    keys = {
        prefix_key(BASE, {"anthropic-beta": "a-2026,b-2026"}),
        prefix_key(BASE, {"Anthropic-Beta": "b-2026, a-2026"}),
        prefix_key(BASE),
    }
    assert len(keys) == 2


def test_the_version_that_clients_send_is_the_usual_one() -> None:
    """A request on the wire has the key of the body that it was made of."""
    assert prefix_key(BASE, {"anthropic-version": "2026-10-21"}) == prefix_key(BASE)
    assert prefix_key(BASE, {"anthropic-version": "2023-06-01"}) != prefix_key(BASE)
    assert prefix_key({**BASE, "anthropic_version": "bedrock-2023-05-31"}) == prefix_key(BASE)


def test_a_prefix_its_file_and_its_requests_have_one_key() -> None:
    prefix = Prefix("support", model="claude-sonnet-5-5", system=TEXT, tools=[TOOL])
    request = prefix.request([{"role": "user", "content": "Hi"}])
    file = make_prefix("support", prefix.request([PLACEHOLDER]))
    assert isinstance(file, PrefixFile)
    assert prefix_key(prefix) == prefix_key(request) == prefix_key(file)
    longer = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    assert prefix_key(prefix.request(longer)) == prefix_key(prefix)


def test_shared_messages_are_part_of_it() -> None:
    one = Prefix("support", model="claude-sonnet-5-5", system="a", context="One document.")
    other = Prefix("support", model="claude-sonnet-5-5", system="a", context="Another document.")
    assert prefix_key(one) != prefix_key(other)
    assert prefix_key(one) == prefix_key(one.request([{"role": "user", "content": "Hi"}]))


def test_converse_as_boto3_takes_it() -> None:
    body = {
        "modelId": "us.anthropic.claude-sonnet-5-5",
        "system": [{"text": TEXT}, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
    }
    other = {**body, "inferenceConfig": {"maxTokens": 5}, "messages": []}
    hour = {**body, "system": [{"text": TEXT}, {"cachePoint": {"type": "default", "ttl": "1h"}}]}
    assert len({prefix_key(body), prefix_key(other), prefix_key(hour)}) == 1
    assert prefix_key({**body, "system": [{"text": "x"}]}) != prefix_key(body)


OPENAI: dict[str, Any] = {
    "model": "gpt-6-sol",
    "instructions": TEXT,
    "tools": [{"type": "function", "name": "find_order", "parameters": {"type": "object"}}],
    "input": [{"role": "user", "content": "Hi"}],
}
BREAK = {"prompt_cache_breakpoint": {"mode": "explicit"}}


def shared_then(question: str, **marker: Any) -> list[dict[str, Any]]:
    shared = {"type": "input_text", "text": "A document.", **marker}
    return [{"role": "user", "content": [shared, {"type": "input_text", "text": question}]}]


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({"input": "Hello"}, True),
        ({"temperature": 0}, True),
        ({"user": "u1", "prompt_cache_key": "k", "prompt_cache_options": {"ttl": "12h"}}, True),
        ({"text": {"verbosity": "low"}}, False),
        ({"reasoning": {"effort": "low"}}, False),
        ({"reasoning": {"summary": "auto"}}, True),
        ({"parallel_tool_calls": False}, False),
        ({"tools": []}, False),
        ({"instructions": TEXT + "!"}, False),
        ({"model": "gpt-6-luna"}, False),
        ({"input": [{"role": "developer", "content": "Be kind."}]}, False),
    ],
)
def test_openai(fields: dict[str, Any], same: bool) -> None:
    assert (prefix_key({**OPENAI, **fields}) == prefix_key(OPENAI)) is same


def test_openais_explicit_breakpoint_ends_the_prefix() -> None:
    one = {**OPENAI, "input": shared_then("Where?", **BREAK)}
    other = {**OPENAI, "input": shared_then("When?", **BREAK)}
    assert prefix_key(one) == prefix_key(other) != prefix_key(OPENAI)


def test_chat_completions() -> None:
    messages = [{"role": "system", "content": TEXT}, {"role": "user", "content": "Hi"}]
    body = {"model": "gpt-6-sol", "messages": messages}
    assert prefix_key(body) == prefix_key({**body, "messages": messages[:1]})
    assert prefix_key(body) != prefix_key({**body, "messages": messages[1:]})


def test_bytes_as_boto3_takes_them() -> None:
    """An image of a Converse body counts by its bytes."""

    def body(image: bytes) -> dict[str, Any]:
        content = [{"image": {"format": "png", "source": {"bytes": image}}}, {"text": "Hi"}]
        marked = [*content, {"cachePoint": {"type": "default"}}]
        return {"modelId": "claude-sonnet-5-5", "messages": [{"role": "user", "content": marked}]}

    assert prefix_key(body(b"\x89PNG")) == prefix_key(body(b"\x89PNG"))
    assert prefix_key(body(b"\x89PNG")) != prefix_key(body(b"\x89JPG"))


@pytest.mark.parametrize(
    "fields", [{"messages": True}, {"system": [[1]]}, {"messages": {"a": 1}}, {"tools": 5}]
)
def test_a_body_of_another_form(fields: dict[str, Any]) -> None:
    """Is a key or one clear error, never another one."""
    try:
        assert prefix_key({"model": "claude-sonnet-5-5", **fields}).startswith("pw1-")
    except UsageError as error:
        assert "a request's form" in str(error)  # noqa: PT017 - it may have a key


@pytest.mark.parametrize("body", [{}, {"messages": []}, None, "text", {"model": ""}])
def test_what_is_no_request(body: Any) -> None:
    with pytest.raises(UsageError, match="names its model"):
        prefix_key(body)


def test_lone_surrogates_and_objects() -> None:
    """JSON may hold the first; the second has no bytes to cache."""
    assert prefix_key({**OPENAI, "instructions": json.loads('"\\ud800"')}).startswith("pw1-")
    with pytest.raises(UsageError, match="a request's form"):
        prefix_key({**OPENAI, "tools": [object()]})
