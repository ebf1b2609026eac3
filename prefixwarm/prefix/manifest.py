"""The manifest: the prefixes that a deployment keeps warm, and its policy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import SettingsError
from prefixwarm.policy import Policy
from prefixwarm.prefix.compiled import state_key
from prefixwarm.provider.routes import route_named
from prefixwarm.state.model import name_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.prefix.file_form import PrefixFile


FORMAT = "prefixwarm-manifest/1"

# Half of the lowest tier's limit per model (1,000 requests a minute); the other half is for real
# traffic. https://platform.claude.com/docs/en/api/rate-limits
CALLS_PER_MINUTE = 500

# The most calls that one tick makes itself: at 1.5 s a call and 48 in parallel, ten seconds. The
# rest is queued for workers, which deployments with fewer prefixes do not have.
MOST_IN_A_TICK = 300

_FIELDS = (
    "format",
    "prefixes",
    "policy",
    "latency_value",
    "budget_usd_per_day",
    "calls_per_minute",
)
_REQUIRED = ("name", "object")
_STATE_FIELDS = ("route", "model", "fingerprint")
_ENTRY_FIELDS = (*_REQUIRED, "functions", "budget_usd_per_day", *_STATE_FIELDS)


@dataclass(frozen=True)
class Entry:
    """One prefix of the manifest.

    Attributes
    ----------
    name, object : str
        The prefix's name, and the key of its file in the manifest's bucket.
    functions : tuple of str
        Lambda functions whose invocations are its traffic.
    budget_usd_per_day : float or None
        US dollars per UTC day for this prefix alone.
    route, model, fingerprint : str
        The parts of its state's key; empty if only the file has them.
    superseded : bool
        Whether this is an earlier version that the manifest's version has replaced.
    """

    name: str
    object: str
    functions: tuple[str, ...] = ()
    budget_usd_per_day: float | None = None
    route: str = ""
    model: str = ""
    fingerprint: str = ""
    superseded: bool = False

    @classmethod
    def of(cls, file: PrefixFile, object_key: str) -> Entry:
        """Describe a prefix file stored under this key in the manifest's bucket."""
        fingerprint = file.fingerprint["prefix"]
        return cls(
            file.name, object_key, route=file.route, model=file.model, fingerprint=fingerprint
        )

    def key(self, scope: str, environ: Mapping[str, str]) -> str | None:
        """Return the key of its warm state; None if that needs the file."""
        if not (self.route and self.model and self.fingerprint):
            return None
        return state_key(self.route, scope, environ, self.name, self.model, self.fingerprint)

    def document(self) -> dict[str, Any]:
        """Return the JSON object that `parse` reads; includes a budget only if the prefix has
        one."""
        names = [name for name in _ENTRY_FIELDS if getattr(self, name) is not None]
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Manifest:
    """A deployment's prefixes and its policy.

    Attributes
    ----------
    entries : tuple of Entry
        The prefixes.
    policy_document : str or mapping
        The policy in JSON: a rule's name or an object, as `Policy.of` reads it.
    latency_value : float
        The value in US dollars of getting the first token one second earlier.
    budget_usd_per_day : float or None
        US dollars per UTC day for all prefixes together.
    calls_per_minute : int
        The most warm calls per minute.
    """

    entries: tuple[Entry, ...]
    policy_document: str | Mapping[str, Any] = "auto"
    latency_value: float = 0.0
    budget_usd_per_day: float | None = None
    calls_per_minute: int = CALLS_PER_MINUTE

    @property
    def policy(self) -> Policy:
        """The policy; raises SettingsError if its document is invalid."""
        return Policy.of(self.policy_document)

    def to_json(self) -> str:
        """Return the text that `parse` reads."""
        document = {
            "format": FORMAT,
            "prefixes": [entry.document() for entry in self.entries],
            "policy": self.policy_document,
            "latency_value": self.latency_value,
            "budget_usd_per_day": self.budget_usd_per_day,
            "calls_per_minute": self.calls_per_minute,
        }
        return json.dumps(document, indent=2) + "\n"


def state_keys(file: PrefixFile, region: str, scope: str) -> str:
    """Return an IAM pattern for the keys of a prefix's warm states in all versions.

    Parameters
    ----------
    region
        The functions' region; may be a CDK token.
    scope
        Label of the workspace.
    """
    of_route = region if route_named(file.route).signing_service else ""
    return name_key(file.route, of_route, scope, file.name) + "/*"


def parse(text: bytes, source: str) -> Manifest:
    """Check a manifest's text.

    Raises
    ------
    SettingsError
        The message names the manifest, the field and what to do.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{source}: is not JSON ({error}); deploy it again") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SettingsError(f"{source}: format: this version reads {FORMAT!r} only")
    try:
        _refuse_unknown(document, _FIELDS, "")
        return _manifest(document)
    except SettingsError as error:
        raise SettingsError(f"{source}: {error}") from error


def _manifest(document: dict[str, Any]) -> Manifest:
    entries = document.get("prefixes")
    if not isinstance(entries, list):
        raise SettingsError("prefixes: is missing or not a list")
    policy = document.get("policy") or "auto"
    if not isinstance(policy, (str, dict)):
        raise SettingsError(f"policy: {policy!r}: write a rule's name or an object")
    Policy.of(policy)
    calls = document.get("calls_per_minute", CALLS_PER_MINUTE)
    if type(calls) is not int or calls < 1:
        raise SettingsError(f"calls_per_minute: {calls!r}: write a whole number above 0")
    return Manifest(
        entries=tuple(_entry(item, f"prefixes[{i}]") for i, item in enumerate(entries)),
        policy_document=policy,
        latency_value=_dollars(document, "latency_value", "") or 0.0,
        budget_usd_per_day=_dollars(document, "budget_usd_per_day", ""),
        calls_per_minute=calls,
    )


def _entry(item: object, place: str) -> Entry:
    if not isinstance(item, dict):
        raise SettingsError(f"{place}: is not an object")
    _refuse_unknown(item, _ENTRY_FIELDS, f"{place}.")
    texts: dict[str, Any] = {name: item.get(name) for name in _REQUIRED}
    texts |= {name: item.get(name, "") for name in _STATE_FIELDS}
    for name, text in texts.items():
        if not isinstance(text, str) or (name in _REQUIRED and not text):
            raise SettingsError(f"{place}.{name}: {text!r}: is missing or not text")
    if texts["route"]:
        route_named(texts["route"])
    functions = item.get("functions", [])
    if not isinstance(functions, list) or not all(isinstance(name, str) for name in functions):
        raise SettingsError(f"{place}.functions: write a list of function names")
    budget = _dollars(item, "budget_usd_per_day", f"{place}.")
    return Entry(**texts, functions=tuple(functions), budget_usd_per_day=budget)


def _dollars(document: dict[str, Any], name: str, place: str) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value < 1e6:
        raise SettingsError(f"{place}{name}: {value!r}: write US dollars, 0 or more, or null")
    return float(value)


def _refuse_unknown(document: dict[str, Any], fields: tuple[str, ...], place: str) -> None:
    for name in document:
        if name not in fields:
            raise SettingsError(f"{place}{name}: is not a field; known are {', '.join(fields)}")
