"""Prefix files at synth: what is refused, and what is warned about."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import PrefixFileError, UsageError
from prefixwarm.prefix import prefix_file
from prefixwarm.prefix.manifest import state_keys
from prefixwarm.state.model import entry_key
from prefixwarm_cdk import Credentials, prefixes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def changed(path: Path, folder: Path, **fields: Any) -> Path:
    """A copy of a prefix file with some fields changed."""
    copy = folder / path.name
    copy.write_text(json.dumps({**json.loads(path.read_text()), **fields}))
    return copy


PROFILES = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Which file, and what to do."""
    with pytest.raises(UsageError, match=r"absent\.prefix\.json: does not exist; write it with"):
        prefixes.read([tmp_path / "absent.prefix.json"])


def test_a_truncated_file_is_named(prefix: Path, tmp_path: Path) -> None:
    """Cut short on the way."""
    copy = tmp_path / prefix.name
    copy.write_bytes(prefix.read_bytes()[:200])
    with pytest.raises(PrefixFileError, match="may be cut short"):
        prefixes.read([copy])


def test_another_format_version_is_refused(prefix: Path, tmp_path: Path) -> None:
    """The field and the accepted version."""
    copy = changed(prefix, tmp_path, format="prefixwarm/9")
    with pytest.raises(PrefixFileError, match=r"format: .*'prefixwarm/1' and 'prefixwarm/2' only"):
        prefixes.read([copy])


def test_duplicate_names_are_refused(write_prefix: Callable[..., Path]) -> None:
    """Both files are named."""
    first, second = write_prefix(), write_prefix(text="Another agent. " * 300)
    with pytest.raises(UsageError, match=r"both named .support.; give one") as refused:
        prefixes.read([first, second])
    assert str(first) in str(refused.value)
    assert str(second) in str(refused.value)


def test_one_file_given_twice_counts_once(prefix: Path) -> None:
    """By its folder and by itself."""
    assert len(prefixes.read([prefix, prefix.parent])) == 1


def test_no_prefixes_are_refused(tmp_path: Path) -> None:
    """An empty list, and an empty folder."""
    with pytest.raises(UsageError, match="there is none; write prefix files"):
        prefixes.read([])
    with pytest.raises(UsageError, match="has no"):
        prefixes.read([tmp_path])


def test_unknown_names_list_the_known_ones(prefix: Path) -> None:
    """For attach(prefixes=...)."""
    files = prefixes.read([prefix])
    with pytest.raises(UsageError, match=r"\['sales'\].*write some of support"):
        prefixes.named(files, ["sales"])


def test_a_prefix_under_the_minimum_is_refused(
    bench: Any, write_prefix: Callable[..., Path]
) -> None:
    """When its tokens were counted."""
    short = write_prefix(tokens={"counted": 200, "minimum": 512})
    with pytest.raises(UsageError, match="200 is under the 512 tokens"):
        bench.warmer(prefixes=[short])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"text": "Be kind."}, "count them with"),
        ({"tokens": {"minimum": None}}, "has no prices of the model"),
        ({"route": "bedrock", "model": "anthropic.claude-sonnet-5-5"}, "grant 5 minutes"),
        ({"route": "bedrock", "model": "us.anthropic.claude-sonnet-5-5"}, "in-region model"),
        ({"route": "bedrock", "model": "global.anthropic.claude-sonnet-5-5"}, "in-region model"),
        ({"route": "bedrock", "model": f"{PROFILES}/eu.anthropic.claude-sonnet-5-5"}, "in-region"),
    ],
)
def test_doubtful_prefixes_are_warned_about(
    bench: Any, write_prefix: Callable[..., Path], options: dict[str, Any], words: str
) -> None:
    """They may work, so the synth goes on."""
    credentials = {}
    if options.get("route"):
        credentials["credentials"] = Credentials.function_role()
    bench.warmer(prefixes=[write_prefix(**options)], **credentials).attach(bench.function())
    assert any(words in text for text in bench.warnings())


def test_what_capture_saw_is_repeated(bench: Any, write_prefix: Callable[..., Path]) -> None:
    """Until the agent was captured without it."""
    path = write_prefix()
    finding = {"rule": "no-breakpoint", "place": "system[0]", "message": "add one"}
    seen = prefix_file.load(path).replace(findings=[finding])
    prefix_file.write(seen, path.parent)
    bench.warmer(prefixes=[path]).attach(bench.function())
    assert any("prefix support: system[0]: add one; then" in text for text in bench.warnings())


def test_the_same_prefix_under_two_names_is_warned_about(
    bench: Any, write_prefix: Callable[..., Path]
) -> None:
    """Once, at the second; names are what roles are held to, so each has a state of its own."""
    files = [
        write_prefix("sales"),
        write_prefix("support"),
        write_prefix("other", text="No. " * 900),
    ]
    bench.warmer(prefixes=files).attach(bench.function())
    (text,) = [text for text in bench.warnings() if "the same prefix" in text]
    assert "prefix support: holds the same prefix as 'sales'" in text


@pytest.mark.parametrize(
    ("route", "region"), [("anthropic", "-"), ("aws", "eu-west-1"), ("bedrock", "eu-west-1")]
)
def test_state_keys_name_the_region_where_the_cache_has_one(
    write_prefix: Callable[..., Path], route: str, region: str
) -> None:
    """The Claude API has no regions. A later version's key is among them, another name's is not."""
    (prefix,) = prefixes.read([write_prefix(route=route)])
    keys = state_keys(prefix.file, "eu-west-1", "team")
    assert keys == f"state/{route}/{region}/team/support/*"
    for name, own in (("support", True), ("support-2", False)):
        for model in ("claude-sonnet-5-5", "another"):
            key = entry_key(route, region, "team", name, model, "sha256:" + "ab" * 32)
            assert fnmatchcase(key, keys) is own
