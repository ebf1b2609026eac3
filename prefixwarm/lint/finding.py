"""Findings, and the rules that they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DOCS = "docs/check.md"


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong.

    Attributes
    ----------
    id : str
        Also the anchor in docs/check.md.
    severity : str
        ``error``: nothing is cached or read, or the provider refuses. ``warning``: it may be so,
        or costs more than it must. ``note``: what the agent must keep equal.
    summary : str
        One sentence.
    """

    id: str
    severity: str
    summary: str

    @property
    def docs(self) -> str:
        """Where the documentation explains it: a page and its anchor."""
        return f"{DOCS}#{self.id}"


@dataclass(frozen=True)
class Finding:
    """One rule's finding.

    Attributes
    ----------
    rule : Rule
        What was violated.
    place : str
        The field, such as ``system[1].text``.
    message : str
        What was found and what to do; one line.
    severity : str
        The rule's own, unless the case is a lighter one.
    """

    rule: Rule
    place: str
    message: str
    severity: str


def finding(id: str, place: str, message: str, severity: str | None = None) -> Finding:  # noqa: A002
    """A finding of the rule of that id."""
    rule = RULES[id]
    return Finding(rule, place, message, severity or rule.severity)


def to_keep(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """The errors among findings, as a prefix file holds them."""
    return [
        {"rule": problem.rule.id, "place": problem.place, "message": problem.message}
        for problem in findings
        if problem.severity == "error"
    ]


def kept(findings: Iterable[Mapping[str, str]]) -> list[Finding]:
    """The findings that a prefix file holds; of a rule of another version, too."""
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
            unwarmable="The request has a shape that max_tokens 0 does not go with.",
            no_breakpoint="The agent's request has no breakpoint that reads the prefix.",
            lookback_exceeded="The agent's breakpoint is too far behind the prefix's end.",
            drift="What the agent sends is not what is warmed.",
            too_many_breakpoints="A request has more than four breakpoints: the provider refuses.",
            ttl_order="A 1h breakpoint follows a 5m breakpoint: the provider refuses.",
            retired_model="The model is no longer served.",
            refused_shape="The provider refuses this combination of model and parameters.",
        ),
        *_rules(
            "warning",
            near_minimum="The estimate is so close to the minimum that only counting tells.",
            volatile_content="Text that looks as if it changes from request to request.",
            parameters_differ="The same prompt goes with other parameters: two entries.",
            tool_order="The tools come in another order from request to request.",
            divergence="The agent's requests part within tools or system.",
            key_order="A tool's keys come in changing order: no request reads another's entry.",
            varying_breakpoint="A breakpoint lies on a block that varies: each write is wasted.",
            unknown_field="A field that this version does not know: what it does is open.",
            uncached_messages="Messages that all requests share are not cached.",
            automatic_caching="Automatic caching alone reads the prefix by look-back only.",
            ttl_differs="The agent's breakpoint names another TTL than the warm.",
            one_hour_unsure="A TTL of 1h is known to be downgraded silently on this route.",
            unknown_model="The model is not known: neither its minimum nor its price.",
            prices_unknown="There is no price: dollars stay unknown.",
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
            server_tools="Server tools change the system prompt and write 5m entries of their own.",
            personal_metadata="The request's metadata names a user.",
            left_out="What belongs to one run or request is not in the warm request.",
            asks_for_output="A shape of the request forbids zero output tokens: one is asked for.",
        ),
    )
}
