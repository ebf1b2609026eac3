"""One estimate of tokens for capture, plan, budgets and the simulator."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from prefixwarm.fields.token_estimate import block_tokens, rate_of_model
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.simulator import running

if TYPE_CHECKING:
    from collections.abc import Mapping

PROFILE = "arn:aws:bedrock:us-east-1:1:application-inference-profile/x"


@pytest.mark.parametrize(
    ("model", "rate"),
    [
        ("claude-opus-4-6", (10, 40)),
        ("claude-opus-4-7", (13, 40)),
        ("global.anthropic.claude-sonnet-5-5-v1:0", (13, 40)),
        ("claude-3-5-haiku-20241022", (10, 40)),
        (PROFILE, (13, 40)),
        ("gpt-5", (10, 40)),
    ],
)
def test_the_model_has_its_own_tokenizer(model: str, rate: tuple[int, int]) -> None:
    """From Opus 4.7 on about 30 % more; where that is unknown, the larger count."""
    assert rate_of_model(model) == rate


@pytest.mark.parametrize(
    ("block", "tokens"),
    [
        ({"type": "text", "text": "x" * 40}, 13),
        ({"text": "\u00e9" * 20}, 13),
        ({"type": "image", "source": {"type": "base64", "data": "x" * 9999}}, 1600),
        ({"type": "document", "source": {"type": "text", "data": "x"}}, 33),
        ({"name": "search"}, 33),
    ],
)
def test_text_counts_by_its_bytes_and_media_by_their_kind(
    block: Mapping[str, object], tokens: int
) -> None:
    """Of all else the JSON counts, which is 100 bytes here."""
    assert block_tokens(block, b"j" * 100, (13, 40)) == tokens


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-haiku-4-5"])
def test_what_is_estimated_is_what_the_simulator_bills(model: str) -> None:
    """Tools and system, in letters of more than one byte as well."""
    text = "Finds \u00e9. " * 400
    tool = {"name": "find", "description": text, "input_schema": {"type": "object"}}
    marker = {"cache_control": {"type": "ephemeral"}}
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": 16,
        "tools": [tool],
        "system": [{"type": "text", "text": "Answer \u4f60\u597d. " * 900, **marker}],
        "messages": [{"role": "user", "content": "?"}],
    }
    with running() as sim:
        connection = HTTPConnection(urlsplit(sim.url).netloc)
        headers = {
            "content-type": "application/json",
            "anthropic-version": "2026-10-21",
            "x-api-key": "key",
        }
        connection.request("POST", "/v1/messages", json.dumps(body), headers)
        usage = json.loads(connection.getresponse().read())["usage"]
        connection.close()
    shared = Prompt({**body, "messages": []})
    assert shared.tokens() == pytest.approx(usage["cache_creation_input_tokens"], abs=1)
