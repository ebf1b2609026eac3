"""Makes prefix files from recorded requests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prefixwarm.capture.agent_findings import (
    changed,
    divergence,
    other_parameters,
    uncached,
    unread,
)
from prefixwarm.capture.agents import agents
from prefixwarm.capture.prefix_names import Naming
from prefixwarm.capture.shared import Shared, find_shared
from prefixwarm.capture.warm_file import file_of
from prefixwarm.errors import NothingSharedError, PrefixFileError, UnwarmableRequestError
from prefixwarm.fields.parameters import TIERS
from prefixwarm.lint.file_rules import check
from prefixwarm.lint.finding import finding, to_keep
from prefixwarm.prefix import credential_text
from prefixwarm.prefix.blocks import estimate
from prefixwarm.prefix.body import as_messages
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.prefix.warm_request import refuse_unwarmable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from prefixwarm.capture.captured_request import CapturedRequest
    from prefixwarm.lint.finding import Finding
    from prefixwarm.prefix.prefix_file import PrefixFile


@dataclass(frozen=True)
class Options:
    """The user's options for the files to write.

    Attributes
    ----------
    ttl : str
        ``5m`` or ``1h``: the TTL of the warm calls.
    placeholders : sequence of str
        Texts that look like credentials but are not.
    base_models : mapping of str to str
        Model ids by ARN of an application inference profile.
    """

    ttl: str = "1h"
    placeholders: Sequence[str] = ()
    base_models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Extracted:
    """One agent's prefix, or why it has none.

    Attributes
    ----------
    name : str
        The prefix's name.
    requests : sequence of CapturedRequest
        The agent's requests.
    prefix : PrefixFile or None
        None if the requests cannot be warmed.
    shared : Shared or None
        What the requests share.
    findings : list of Finding
        Problems that keep it from being cached or read, and what to change.
    shares_nothing : bool
        Whether there is no prefix because the requests share nothing.
    """

    name: str
    requests: Sequence[CapturedRequest]
    prefix: PrefixFile | None
    shared: Shared | None
    findings: list[Finding] = field(default_factory=list)
    shares_nothing: bool = False

    @property
    def tokens_by_tier(self) -> dict[str, int]:
        """Estimated tokens of the prefix's tools, system and messages."""
        if self.prefix is None:
            return dict.fromkeys(TIERS, 0)
        prompt = Prompt.of_file(self.prefix)
        return {tier: estimate(prompt.tier(tier), self.prefix.priced_model) for tier in TIERS}

    @property
    def saving_usd(self) -> float | None:
        """US dollars per 1,000 requests that removing the divergence would save."""
        usd = self.prefix.usd_per_mtok if self.prefix else {}
        price, read = usd.get("write_5m"), usd.get("read")
        if self.shared is None or price is None or read is None:
            return None
        return self.shared.lost_tokens * (price - read) / 1000


def prefixes_from_requests(
    requests: Iterable[CapturedRequest],
    *,
    name: str | Naming,
    options: Options | None = None,
) -> list[Extracted]:
    """Find the shared prefix of each agent in recorded requests.

    Parameters
    ----------
    requests : iterable of CapturedRequest
        The requests; those that the provider refused are ignored.
    name : str or Naming
        Name of the first prefix, or how to name them.
    options : Options, optional
        Options for the files.

    Returns
    -------
    list of Extracted
        The busiest agent that can be warmed comes first. If there are several, those that cannot be
        cached (prefix too short, nothing shared) have no prefix.

    Raises
    ------
    PrefixFileError
        `name` is not a valid name.
    UsageError
        A text that identifies an agent is in no agent's prompt, or in several.
    """
    groups = sorted(agents(r for r in requests if r.answered), key=_weight, reverse=True)
    naming = name if isinstance(name, Naming) else Naming(name)
    extracted = [_extract(group, naming.base, options or Options()) for group in groups]
    return list(_compared(_renamed(_without_uncacheable(extracted), naming)))


def _without_uncacheable(extracted: Sequence[Extracted]) -> list[Extracted]:
    """Drop the files of agents that cannot be cached, with a note if another agent can."""
    if len(extracted) == 1:
        return list(extracted)
    is_note = any(agent.prefix and not _uncacheable(agent) for agent in extracted)
    return [
        replace(agent, prefix=None, findings=_without_file(agent, one, is_note=is_note))
        if (one := _uncacheable(agent))
        else agent
        for agent in extracted
    ]


def _uncacheable(agent: Extracted) -> Finding | None:
    """Why an agent cannot be cached: prefix too short or nothing shared; None if it can."""
    if agent.prefix is None:
        return agent.findings[-1] if agent.shares_nothing else None
    return next((one for one in agent.findings if one.rule.id == "under-minimum"), None)


def _without_file(agent: Extracted, reason: Finding, *, is_note: bool) -> list[Finding]:
    """The findings of an agent without a file: what ended the shared part, and the reason."""
    severity = "note" if is_note else reason.severity
    message = f"{reason.message}; no file is written"
    kept = [one for one in agent.findings if agent.shares_nothing and one is not reason]
    return [*kept, replace(reason, severity=severity, message=message)]


def _renamed(extracted: Sequence[Extracted], naming: Naming) -> list[Extracted]:
    names = iter(naming.names([agent.prefix for agent in extracted if agent.prefix]))
    return [
        replace(agent, name=name, prefix=agent.prefix.replace(name=name))
        if agent.prefix and (name := next(names))
        else agent
        for agent in extracted
    ]


def _compared(extracted: Sequence[Extracted]) -> Iterator[Extracted]:
    """Yield each agent, with how it differs from an earlier one with the same prompt."""
    for i, agent in enumerate(extracted):
        earlier = [other for other in extracted[:i] if other.prefix and agent.prefix]
        pairs = ((other.name, other.requests[0], agent.requests[0]) for other in earlier)
        reason = next((one for pair in pairs for one in other_parameters(*pair)), None)
        yield replace(agent, findings=[*agent.findings, reason]) if reason else agent


def _extract(group: Sequence[CapturedRequest], name: str, options: Options) -> Extracted:
    ordered = sorted(group, key=_unwarmable)
    first = ordered[0]
    shared = find_shared(ordered)
    try:
        warm = shared.prompt.warm_request(shared.end, options.ttl)
        secret = next(credential_text.problems(warm.body, "request", options.placeholders), None)
        if secret is not None:
            # No other finding, because findings quote the request.
            return Extracted(name, group, None, shared, [finding("credential", *secret)])
        prefix = file_of(
            name,
            warm.body,
            first.route,
            first.headers,
            base_model=options.base_models.get(str(as_messages(warm.body)["model"])),
            placeholders=options.placeholders,
        )
    except UnwarmableRequestError as error:
        # If nothing is shared, the divergence explains why.
        reason = finding("unwarmable", error.field, error.problem)
        findings = [*divergence(shared), reason]
        shares_nothing = isinstance(error, NothingSharedError)
        return Extracted(name, group, None, shared, findings, shares_nothing)
    except PrefixFileError as error:
        if error.field == "name":
            raise
        reason = finding("unwarmable", error.field, error.problem)
        return Extracted(name, group, None, shared, [reason])
    findings = [*divergence(shared), *uncached(shared), *unread(prefix, ordered)]
    findings += changed(warm)
    prefix = prefix.replace(findings=to_keep(findings))
    # Notes say what the agent must keep the same; here the agent itself sent it.
    findings += [one for one in check(prefix, captured=False) if one.severity != "note"]
    return Extracted(name, group, prefix, shared, findings)


def _weight(group: Sequence[CapturedRequest]) -> tuple[bool, int, int]:
    prompt = group[0].prompt
    static = sum(len(block.data) for block in prompt.blocks if block.message is None)
    return not all(map(_unwarmable, group)), len(group), static


def _unwarmable(request: CapturedRequest) -> bool:
    try:
        refuse_unwarmable(request.body)
    except UnwarmableRequestError:
        return True
    return False
