"""A function without any key: the layer as deployed, under AWS's emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.simulator import Principal

if TYPE_CHECKING:
    from extension_bench import Bench

IDS = {
    "ANTHROPIC_API_KEY": "",
    "ANTHROPIC_FEDERATION_RULE_ID": "fdrl_1",
    "ANTHROPIC_ORGANIZATION_ID": Principal.organization,
}


def test_a_role_is_enough(bench: Bench) -> None:
    """STS and one exchange before the warm call; the log names no token."""
    started = bench.start(bench.plain(**IDS))
    asked = [(r["path"], r["status"]) for r in bench.provider.requests()]
    assert asked == [("/v1/oauth/token", 200), ("/v1/messages", 200)]
    assert started.line["outcome"] == "written"
    assert "sk-ant-oat" not in started.log


def test_a_warm_prefix_needs_no_token(bench: Bench) -> None:
    """The second environment asks the state alone."""
    function = bench.plain(**IDS)
    bench.start(function)
    assert bench.start(function).line["reason"] == "warm"
    assert len(bench.provider.requests()) == 2


def test_half_of_the_ids(bench: Bench) -> None:
    """The function works, and one line says what is missing."""
    started = bench.start(bench.plain(**{**IDS, "ANTHROPIC_ORGANIZATION_ID": ""}))
    assert started.answer.payload["answer"] == "none of the extension's business"
    assert started.line["outcome"] == "failed"
    assert "is set without ANTHROPIC_ORGANIZATION_ID" in started.line["reason"]
