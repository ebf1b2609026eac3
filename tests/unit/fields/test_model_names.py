from __future__ import annotations

import pytest

from prefixwarm.fields.model_names import parse


@pytest.mark.parametrize(
    ("model_id", "model", "geography", "generation"),
    [
        ("claude-opus-5-5", "claude-opus-5-5", None, (5, 5)),
        ("claude-opus-5", "claude-opus-5", None, (5, 0)),
        ("claude-opus-4-0", "claude-opus-4", None, (4, 0)),
        ("claude-opus-4-20250514", "claude-opus-4", None, (4, 0)),
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5", None, (4, 5)),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5", None, (4, 5)),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku", None, (3, 5)),
        ("anthropic.claude-opus-5-5", "claude-opus-5-5", None, (5, 5)),
        ("global.anthropic.claude-sonnet-5-v1:0", "claude-sonnet-5", "global", (5, 0)),
        ("us-gov.anthropic.claude-opus-4-8", "claude-opus-4-8", "us-gov", (4, 8)),
        ("apac.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5", "apac", (4, 5)),
        (
            "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-5",
            "claude-opus-5",
            "eu",
            (5, 0),
        ),
        ("claude-mythos-preview", "claude-mythos-preview", None, (0, 0)),
    ],
)
def test_every_spelling_of_a_model_is_read(
    model_id: str, model: str, geography: str | None, generation: tuple[int, int]
) -> None:
    name = parse(model_id)
    assert name is not None
    assert (name.model, name.geography, name.generation) == (model, geography, generation)


@pytest.mark.parametrize(
    "model_id",
    [
        "gpt-5.6",
        "",
        "claude",
        "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/k3j4h5",
    ],
)
def test_what_names_no_claude_model_is_unknown(model_id: str) -> None:
    assert parse(model_id) is None
