"""`diff`: the first difference of each tier, and what it costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.prefix.prefix_file import write
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def other(tmp_path: Path, request_body: dict[str, Any]) -> Any:
    """Write another prefix file, or a request, with some fields changed."""

    def make(*, as_request: bool = False, **changes: Any) -> Path:
        body = {**request_body, **changes}
        if not as_request:
            return write(make_prefix("support", body), tmp_path / "other")
        path = tmp_path / "request.json"
        path.write_text(json.dumps(body))
        return path

    return make


def test_equal_files(cli: Any, prefix_path: Path, other: Any) -> None:
    """Exit code 0."""
    ran = cli("diff", prefix_path, other(max_tokens=7))
    assert ran == (0, "no difference: each reads the other's cache entry\n", "")


def test_the_place_and_the_cost(cli: Any, prefix_path: Path, other: Any) -> None:
    """Place, character, both sides; tokens times write less read."""
    path = other(system="You are a helper. " * 399 + "You are a healer. ")
    ran = cli("diff", prefix_path, path, "--json")
    document = ran.json
    (difference,) = document["differences"]
    assert (ran.code, document["equal"], difference["tier"]) == (1, False, "system")
    assert (difference["place"], difference["character"]) == ("system[0].text", 399 * 18 + 12)
    assert document["miss_usd"] == pytest.approx(document["lost_tokens"] * (4 - 0.1) / 1e6)
    assert document["lost_tokens"] > 1500
    text = cli("diff", prefix_path, path).out
    assert "system: system[0].text, character 7194: text" in text
    assert "not shared: ~2,340 tokens; each miss costs $0.009" in text


def test_a_shape_loses_everything(cli: Any, prefix_path: Path, other: Any) -> None:
    """Another effort starts the cache over."""
    document = cli("diff", prefix_path, other(output_config={"effort": "low"}), "--json").json
    assert [d["place"] for d in document["differences"]] == ["output_config.effort"]
    assert document["lost_tokens"] > 1500


def test_a_prefix_file_with_a_request(cli: Any, prefix_path: Path, other: Any) -> None:
    """The conversation does not count."""
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    turns.append({"role": "user", "content": "c"})
    assert cli("diff", prefix_path, other(as_request=True, messages=turns)).code == 0
    assert cli("diff", other(as_request=True, messages=turns), prefix_path).code == 0


def test_two_requests(cli: Any, other: Any, tmp_path: Path) -> None:
    """Here the conversation does count; and an added tool comes first."""
    left = other(as_request=True).rename(tmp_path / "left.json")
    tool = {"name": "find", "input_schema": {"type": "object"}}
    right = other(as_request=True, tools=[tool], messages=[{"role": "user", "content": "bye"}])
    document = cli("diff", left, right, "--json").json
    assert [(d["tier"], d["why"]) for d in document["differences"]] == [
        ("tools", "added"),
        ("messages", "text"),
    ]
    assert document["lost_tokens"] > 1500


@pytest.mark.parametrize("content", ["{", "[]", '{"format": "other/1"}'])
def test_what_is_neither(cli: Any, prefix_path: Path, tmp_path: Path, content: str) -> None:
    """The file is named; exit code 2."""
    path = tmp_path / "bad.json"
    path.write_text(content)
    ran = cli("diff", prefix_path, path)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"prefixwarm: {path}: ")
