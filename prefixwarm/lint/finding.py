"""Findings of `check` and the rules behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DOCS = "docs/check.md"


@dataclass(frozen=True)
class Rule:
    """A rule of `check`.

    Attributes
    ----------
    id : str
        Also the anchor in docs/check.md.
    severity : str
        ``error``: nothing is cached or read, or the provider refuses. ``warning``: that may happen,
        or it costs more than necessary. ``note``: what the agent must keep the same.
    summary : str
        One sentence.
    """

    id: str
    severity: str
    summary: str

    @property
    def docs(self) -> str:
        """The page and anchor of its documentation."""
        return f"{DOCS}#{self.id}"


@dataclass(frozen=True)
class Finding:
    """A violation of one rule.

    Attributes
    ----------
    rule : Rule
        The violated rule.
    place : str
        The field, such as ``system[1].text``.
    message : str
        What is wrong and what to do, in one line.
    severity : str
        The rule's, unless this case is less severe.
    """

    rule: Rule
    place: str
    message: str
    severity: str


def finding(id: str, place: str, message: str, severity: str | None = None) -> Finding:  # noqa: A002
    """Make a finding of the rule with that id."""
    rule = RULES[id]
    return Finding(rule, place, message, severity or rule.severity)


def to_keep(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """The errors among findings, in the form stored in a prefix file."""
    return [
        {"rule": problem.rule.id, "place": problem.place, "message": problem.message}
        for problem in findings
        if problem.severity == "error"
    ]


def kept(findings: Iterable[Mapping[str, str]]) -> list[Finding]:
    """The findings stored in a prefix file, including rules of other versions."""
    return [
        Finding(
            RULES.get(entry["rule"]) or Rule(entry["rule"], "error", ""),
            entry["place"],
            entry["message"],
            "error",
        )
        for entry in findings
    ]


def _rules(severity: str, **summaries: str) -> list[Rule]:
    return [Rule(id.replace("_", "-"), severity, text) for id, text in summaries.items()]  # noqa: A001


RULES = {
    rule.id: rule
    for rule in (
        *_rules(
            "error",
            under_minimum="The prefix is shorter than the model's minimum: nothing is cached.",
            credential="The request holds a credential, which a prefix file must not.",
            unwarmable="The request has a shape that max_tokens 0 does not allow.",
            no_breakpoint="The agent's request has no breakpoint that reads the prefix.",
            lookback_exceeded="The agent's breakpoint is too far after the prefix's end.",
            drift="The agent's request differs from the warmed prefix.",
            too_many_breakpoints="A request has more than four breakpoints: the provider refuses.",
            ttl_order="A 1h breakpoint follows a 5m breakpoint: the provider refuses.",
            retired_model="The model is no longer served.",
            refused_shape="The provider refuses this combination of model and parameters.",
        ),
        *_rules(
            "warning",
            near_minimum="The estimate is too close to the minimum to decide without counting.",
            volatile_content="This text looks as if it changes from request to request.",
            parameters_differ="The same prompt is sent with different parameters: two entries.",
            tool_order="The order of tools changes from request to request.",
            divergence="The agent's requests differ within tools or system.",
            key_order="A tool's key order changes: no request reads another's entry.",
            varying_breakpoint="A breakpoint is on a block that varies: each write is wasted.",
            unknown_field="This version does not know the field or what it does to the cache.",
            uncached_messages="Messages that all requests share are not cached.",
            automatic_caching="With automatic caching alone, the prefix is read only by look-back.",
            ttl_differs="The agent's breakpoint has another TTL than the warm call.",
            one_hour_unsure="This route is known to downgrade a TTL of 1h silently.",
            unknown_model="The model is unknown, and so are its minimum and price.",
            prices_unknown="The price is unknown, so dollars are too.",
            deprecated_model="The model's end of life is announced.",
        ),
        *_rules(
            "note",
            images="Images: adding or removing one anywhere starts the messages tier over.",
            tool_choice="tool_choice is part of the messages tier.",
            thinking="Thinking is part of the prompt.",
            effort="Effort is part of the prompt.",
            betas="The set of betas may be part of the cache key.",
            cross_region="An inference profile may serve requests in regions without the entry.",
            server_tools="Server tools change the system prompt and write separate 5m entries.",
            personal_metadata="The request's metadata names a user.",
            left_out="Fields of one run or request are not in the warm request.",
            asks_for_output="The request's shape rules out zero output tokens: one is requested.",
        ),
    )
}
