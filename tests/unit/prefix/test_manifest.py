"""The manifest: what is read, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from prefixwarm.errors import SettingsError
from prefixwarm.prefix.manifest import CALLS_PER_MINUTE, Entry, Manifest, parse

ENTRY = {"name": "support", "object": "a.json", "functions": ["agent"]}
GOOD: dict[str, Any] = {
    "format": "prefixwarm-manifest/1",
    "prefixes": [ENTRY],
    "policy": {"rule": "ski"},
    "latency_value": 0.02,
    "budget_usd_per_day": 1,
}


def parsed(**changes: Any) -> Any:
    """The good manifest with some changes."""
    return parse(json.dumps({**GOOD, **changes}).encode(), "s3://b/m.json")


def test_a_manifest_as_the_construct_writes_it() -> None:
    """Policy by name or object, dollars or null."""
    manifest = parsed()
    (entry,) = manifest.entries
    assert (entry.name, entry.object, entry.functions) == ("support", "a.json", ("agent",))
    assert (manifest.policy.rule, manifest.latency_value, manifest.budget_usd_per_day) == (
        "ski",
        0.02,
        1.0,
    )
    assert manifest.calls_per_minute == CALLS_PER_MINUTE
    assert parsed(policy="never", budget_usd_per_day=None).budget_usd_per_day is None


MANIFESTS = [
    Manifest(entries=()),
    Manifest(
        entries=(
            Entry("bare", "a.json"),
            Entry("full", "b.json", ("f", "g"), 0.5, "bedrock", "m", "sha256:" + "ab" * 32),
        ),
        policy_document={"rule": "hazard", "hours": "08:00-20:00", "weekdays": "mon-fri"},
        latency_value=0.02,
        budget_usd_per_day=2.5,
        calls_per_minute=9,
    ),
]


@pytest.mark.parametrize("manifest", MANIFESTS, ids=["default", "full"])
def test_what_is_written_is_what_is_read(manifest: Manifest) -> None:
    """Every field but the mark of an old version, which is no part of a deployment."""
    assert parse(manifest.to_json().encode(), "m") == manifest
    fields = {field.name for field in dataclasses.fields(Entry)} - {"superseded"}
    assert MANIFESTS[1].entries[1].document().keys() == fields


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format": "prefixwarm-manifest/2"}, "format: this version reads"),
        ({"prefixes": {}}, "prefixes: is missing or not a list"),
        ({"prefixes": [1]}, r"prefixes\[0\]: is not an object"),
        ({"prefixes": [{"name": "a"}]}, r"prefixes\[0\].object: None"),
        ({"prefixes": [{**ENTRY, "file": "x"}]}, r"prefixes\[0\].file: .*known are name, object"),
        ({"prefixes": [{**ENTRY, "functions": "agent"}]}, r"prefixes\[0\].functions"),
        ({"prefixes": [{**ENTRY, "route": "azure"}]}, "unknown route 'azure'"),
        ({"prefixes": [{**ENTRY, "budget_usd_per_day": -1}]}, r"prefixes\[0\].budget_usd_per_day"),
        ({"policy": "sky"}, "rule 'sky' is unknown"),
        ({"policy": ["ski"]}, "policy: "),
        ({"latency_value": "1"}, "latency_value: '1'"),
        ({"budget_usd_per_day": True}, "budget_usd_per_day: True"),
        ({"calls_per_minute": 0}, "calls_per_minute: 0"),
        ({"budget": 1}, "budget: is not a field"),
    ],
)
def test_what_is_not_understood_is_refused(changes: dict[str, Any], says: str) -> None:
    """With the manifest, the field and what to write."""
    with pytest.raises(SettingsError, match=rf"s3://b/m.json: .*{says}"):
        parsed(**changes)


def test_a_manifest_that_is_cut_short_is_refused() -> None:
    """It is not JSON any more."""
    with pytest.raises(SettingsError, match=r"s3://b/m\.json: is not JSON"):
        parse(json.dumps(GOOD).encode()[:-9], "s3://b/m.json")


def test_a_key_needs_route_model_and_fingerprint() -> None:
    """Without any of them only the file says."""
    fields = {"route": "bedrock", "model": "m", "fingerprint": "sha256:" + "ab" * 32}
    (entry,) = parsed(prefixes=[{**ENTRY, **fields}]).entries
    environ = {"AWS_REGION": "eu-west-1"}
    assert entry.key("team", environ) == "state/bedrock/eu-west-1/team/support/m/" + "ab" * 16
    (entry,) = parsed(prefixes=[{**ENTRY, **fields, "model": ""}]).entries
    assert entry.key("team", environ) is None
