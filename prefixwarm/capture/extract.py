"""From recorded requests to prefix files."""

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
from prefixwarm.lint.file_rules import check
from prefixwarm.lint.finding import finding, to_keep
from prefixwarm.prefix import credential_text
from prefixwarm.prefix.blocks import TIERS, estimate
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
    """What the user says about the files to write.

    Attributes
    ----------
    ttl : str
        ``5m`` or ``1h``: what the warm calls ask for.
    placeholders : sequence of str
        Texts that look like credentials and are none.
    base_models : mapping of str to str
        By ARN of an application inference profile: the id of the model behind it.
    """

    ttl: str = "1h"
    placeholders: Sequence[str] = ()
    base_models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Extracted:
    """One agent's prefix, or why there is none.

    Attributes
    ----------
    name : str
        The prefix's name.
    requests : sequence of CapturedRequest
        The agent's requests.
    prefix : PrefixFile or None
        None where the requests cannot be warmed.
    shared : Shared or None
        How it was found.
    findings : list of Finding
        What keeps it from being cached or read, and what to change.
    shares_nothing : bool
        Whether there is no prefix because the requests have nothing that could be shared.
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
    """Find the shared prefix of every agent among recorded requests.

    Parameters
    ----------
    requests : iterable of CapturedRequest
        Those that the provider refused are left out.
    name : str or Naming
        Name of the first prefix, or how to name them.
    options : Options, optional
        What the user says about the files.

    Returns
    -------
    list of Extracted
        The busiest agent that can be warmed first. Of several, those that cannot be cached, since
        their prefix is too short or they share nothing, have no prefix.

    Raises
    ------
    PrefixFileError
        When `name` is no name.
    UsageError
        When a text that names an agent is in no agent's prompt, or in several.
    """
    groups = sorted(agents(r for r in requests if r.answered), key=_weight, reverse=True)
    naming = name if isinstance(name, Naming) else Naming(name)
    extracted = [_extract(group, naming.base, options or Options()) for group in groups]
    return list(_compared(_renamed(_without_uncacheable(extracted), naming)))


def _without_uncacheable(extracted: Sequence[Extracted]) -> list[Extracted]:
    """Of several agents, one that cannot be cached gets no file; beside one that can, a note."""
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
    """That the prefix is too short, or that nothing is shared; None where it can be cached."""
    if agent.prefix is None:
        return agent.findings[-1] if agent.shares_nothing else None
    return next((one for one in agent.findings if one.rule.id == "under-minimum"), None)


def _without_file(agent: Extracted, reason: Finding, *, is_note: bool) -> list[Finding]:
    """The reason, behind what ended a shared part; nothing else matters without a file."""
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
    """Each agent, told apart from an earlier one that sends the same prompt."""
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
            # Nothing else is said: a finding quotes the request.
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
        # Where nothing is shared, the divergence is what to look at.
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
    # Notes say what the agent must keep equal: it is the agent itself that sent this.
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
