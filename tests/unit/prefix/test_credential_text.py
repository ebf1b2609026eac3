"""Credentials are told from placeholders."""

from __future__ import annotations

import pytest

from prefixwarm.prefix.credential_text import problems

REAL = "sk-ant-api03-" + "Zq3-Lw9xT_0bNf7KcVh2Yd8" * 4


@pytest.mark.parametrize(
    "value",
    [
        "YOUR_KEY",
        "your-api-key",
        "<API key>",
        "${API_KEY}",
        "$ANTHROPIC_API_KEY",
        "{{ key }}",
        "%KEY%",
        "[token]",
        "xxxx-xxxx",
        "****",
        "...",
        "Bearer <token>",
        "sk-ant-api03-xxxxxxxxxxxx",
        "sk-ant-your-key-here",
        "AKIAIOSFODNN7EXAMPLE",
        "dummy",
        "CHANGEME",
    ],
)
def test_placeholders(value: str) -> None:
    """In a field for credentials, and in text."""
    assert not list(problems({"api_key": value, "text": f"Never print {value}."}, "request"))


@pytest.mark.parametrize("value", ["hush", REAL, "Bearer eyJhbGciOi", "AKIAIOSFODNN7ABCDEF", "k1"])
def test_credentials(value: str) -> None:
    """Each with its place, unless the user says that it is none."""
    request = {"tools": [{"input_examples": [{"api_key": value}]}]}
    (place, problem), *_ = problems(request, "request")
    assert place == "request.tools[0].input_examples[0].api_key"
    assert value not in problem
    assert not list(problems(request, "request", [value]))


def test_keys_in_text() -> None:
    """One that is real beside a published one."""
    text = f"AKIAIOSFODNN7EXAMPLE and {REAL}"
    assert [place for place, _ in problems({"system": [text]}, "request")] == ["request.system[0]"]
