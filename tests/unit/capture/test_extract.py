"""From recorded requests to prefix files."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.capture.extract import Options, prefixes_from_requests
from prefixwarm.errors import PrefixFileError, UnwarmableRequestError
from prefixwarm.lint.file_rules import check
from prefixwarm.prefix.prefix_file import dumps, loads
from tests.helpers.prefixes import make_prefix, prefix_from_requests


def rules(extracted: Any) -> list[str]:
    return [finding.rule.id for finding in extracted.findings]


def test_the_warm_request_is_the_agents_own(make_body: Any, captured: Any) -> None:
    """Only max_tokens and the messages change; headers, prices and minimum come along."""
    prefix = prefix_from_requests([captured(make_body("a")), captured(make_body("b"))], name="x")
    placeholder = [{"role": "user", "content": "warm"}]
    assert prefix.request == {**make_body(), "max_tokens": 0, "messages": placeholder}
    assert list(prefix.request) == list(make_body())
    assert prefix.headers == {"anthropic-version": "2026-10-21"}
    assert prefix.tokens["minimum"] == 512
    assert prefix.usd_per_mtok["read"] == 0.1


def test_unknown_prices_stay_unknown(make_body: Any) -> None:
    """A model that nobody knows has neither prices nor a minimum."""
    prefix = make_prefix("x", make_body(model="claude-next-9"))
    assert prefix.prices is None
    assert prefix.tokens["minimum"] is None


def test_refused_requests_are_left_out(make_body: Any, captured: Any) -> None:
    """What the provider answered with an error says nothing."""
    requests = [captured(make_body()), captured(make_body(model="claude-nope"), status=404)]
    assert len(prefixes_from_requests(requests, name="x")) == 1


def test_the_busiest_agent_has_the_name(make_body: Any, captured: Any) -> None:
    """Further agents get a number."""
    small = [captured(make_body(model="claude-haiku-5-5"))]
    extracted = prefixes_from_requests([*small, *(captured(make_body(q)) for q in "ab")], name="x")
    assert [(agent.name, agent.requests[0].model) for agent in extracted] == [
        ("x", "claude-sonnet-5-5"),
        ("x-2", "claude-haiku-5-5"),
    ]


def test_an_unwarmable_request_is_a_finding(make_body: Any, captured: Any) -> None:
    """The field and the way round; the one-agent form raises it."""
    thinking = {"type": "enabled", "budget_tokens": 2000}
    requests = [captured(make_body(thinking=thinking))]
    extracted = prefixes_from_requests(requests, name="x")[0]
    assert extracted.prefix is None
    assert [(f.rule.id, f.place) for f in extracted.findings] == [("unwarmable", "thinking")]
    with pytest.raises(UnwarmableRequestError, match="adaptive thinking"):
        prefix_from_requests(requests, name="x")


def test_a_warmable_request_of_the_same_agent_serves(make_body: Any, captured: Any) -> None:
    """One call that forces a tool does not spoil the others."""
    forced = captured(make_body("a", tool_choice={"type": "any"}))
    prefix = prefix_from_requests([forced, captured(make_body("b"))], name="x")
    assert "tool_choice" not in prefix.request


def test_several_agents_are_not_one(make_body: Any, captured: Any) -> None:
    """Each has a prefix of its own."""
    requests = [captured(make_body()), captured(make_body(model="claude-haiku-5-5"))]
    assert len(prefixes_from_requests(requests, name="x")) == 2


def test_a_bad_name_is_refused(make_body: Any, captured: Any) -> None:
    """The accepted form is named."""
    with pytest.raises(PrefixFileError, match="a-z, 0-9 and -"):
        prefixes_from_requests([captured(make_body())], name="Bad Name")


def test_an_agent_without_markers_is_told_what_to_add(make_body: Any, captured: Any) -> None:
    """No breakpoint at all: its requests would read nothing."""
    bodies = [make_body(q) for q in "ab"]
    for body in bodies:
        del body["system"][1]["cache_control"]
    extracted = prefixes_from_requests([captured(body) for body in bodies], name="x")[0]
    assert rules(extracted) == ["no-breakpoint"]
    assert '"ttl": "1h"} to system[1]' in extracted.findings[0].message


def test_an_agent_with_automatic_caching_is_told_too(make_body: Any, captured: Any) -> None:
    """Its reads reach the prefix by look-back alone; the warm has an explicit breakpoint."""
    request = make_body(cache_control={"type": "ephemeral"})
    del request["system"][1]["cache_control"]
    extracted = prefixes_from_requests([captured(request)], name="x")[0]
    assert rules(extracted) == ["automatic-caching"]
    assert extracted.prefix is not None
    assert "cache_control" not in extracted.prefix.request
    assert "cache_control" in extracted.prefix.request["system"][1]


def test_what_a_divergence_costs(make_body: Any, captured: Any) -> None:
    """Tokens from the divergence on, at the write price less the read price."""
    bodies = [make_body(q) for q in "ab"]
    for i, body in enumerate(bodies):
        body["system"][1]["text"] = f"It is 2026-11-2{i}. " + "be kind. " * 200
    extracted = prefixes_from_requests([captured(body) for body in bodies], name="x")[0]
    assert rules(extracted) == ["divergence", "varying-breakpoint"]
    assert extracted.shared is not None
    assert extracted.saving_usd == pytest.approx(extracted.shared.lost_tokens * (2.5 - 0.1) / 1000)
    assert "first user message" in extracted.findings[0].message


def test_where_nothing_is_shared_the_divergence_is_told(make_body: Any, captured: Any) -> None:
    """A time at the very start of the prompt leaves no prefix at all."""
    bodies = [
        make_body(q, tools=[], system=f"It is 2026-11-21T0{i}:00:00Z. Help.")
        for i, q in enumerate("ab")
    ]
    extracted = prefixes_from_requests([captured(body) for body in bodies], name="x")[0]
    assert extracted.prefix is None
    assert rules(extracted) == ["divergence", "unwarmable"]
    assert extracted.findings[0].place == "system[0].text:18"


def test_a_key_in_the_prompt_is_refused(make_body: Any, captured: Any) -> None:
    """No prefix file with a credential is ever made; the other agent's file is."""
    leaky = captured(make_body(system="Use sk-ant-api03-abcdefgh12345678 to call. " * 30))
    good = captured(make_body(model="claude-haiku-5-5"))
    extracted = prefixes_from_requests([leaky, good], name="x")
    (stopped,) = [one for one in extracted if one.prefix is None]
    assert rules(stopped) == ["credential"]
    assert stopped.findings[0].place == "request.system[0].text"
    assert "abcdefgh" not in stopped.findings[0].message
    assert [one.prefix.model for one in extracted if one.prefix] == ["claude-haiku-5-5"]


def test_a_placeholder_is_named(make_body: Any, captured: Any) -> None:
    """The file holds it, so that every reader knows."""
    leaky = captured(make_body(system="Use sk-ant-api03-abcdefgh12345678 to call. " * 60))
    options = Options(placeholders=["sk-ant-api03-abcdefgh12345678", "not there"])
    (extracted,) = prefixes_from_requests([leaky], name="x", options=options)
    assert extracted.prefix is not None
    assert extracted.prefix.placeholders == ["sk-ant-api03-abcdefgh12345678"]
    assert loads(dumps(extracted.prefix)) == extracted.prefix


def test_errors_are_kept_in_the_file(make_body: Any, captured: Any) -> None:
    """And repeated by check; what check sees for itself is not kept."""
    body = make_body()
    del body["system"][1]["cache_control"]
    (extracted,) = prefixes_from_requests([captured(body)], name="x")
    assert extracted.prefix is not None
    again = loads(dumps(extracted.prefix))
    assert [one["rule"] for one in again.findings] == ["no-breakpoint"]
    assert [one.rule.id for one in check(again)] == rules(extracted)
    (fine,) = prefixes_from_requests([captured(make_body())], name="x")
    assert fine.prefix is not None
    assert '"format": "prefixwarm/1"' in dumps(fine.prefix)


@pytest.mark.parametrize(
    ("route", "model", "headers"),
    [
        ("bedrock", "global.anthropic.claude-sonnet-5-5", {}),
        ("bedrock-mantle", "anthropic.claude-sonnet-5-5", {"anthropic-version": "2023-06-01"}),
    ],
)
def test_other_routes(make_body: Any, route: str, model: str, headers: dict[str, str]) -> None:
    """Each route keeps the headers it knows."""
    sent = {"anthropic-beta": "x"} if route == "bedrock" else headers
    prefix = make_prefix("x", make_body(model=model), route=route, headers=sent)
    assert (prefix.route, prefix.headers) == (route, headers)


def test_tokens_are_told_by_tier(captured: Any, make_body: Any) -> None:
    """Of the prefix alone; together they are about the whole."""
    requests = [captured(make_body(question)) for question in ("one", "two")]
    (extracted,) = prefixes_from_requests(requests, name="x")
    tiers = extracted.tokens_by_tier
    assert (list(tiers), tiers["messages"]) == (["tools", "system", "messages"], 0)
    assert sum(tiers.values()) == pytest.approx(extracted.prefix.tokens["estimate"], rel=0.05)
    assert min(tiers["tools"], tiers["system"]) > 400
