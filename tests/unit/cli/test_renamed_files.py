"""Prefix files may be copied and renamed, and a folder stands for those in it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.cli import capture
from prefixwarm.prefix.prefix_file import load, write
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_stands_for_its_files(cli: Any, prefix_path: Path) -> None:
    """Of copies each one."""
    copy = prefix_path.with_name("before.prefix.json")
    shutil.copy(prefix_path, copy)
    checked = cli("check", "--json", prefix_path.parent, prefix_path).json["files"]
    assert [one["file"] for one in checked] == [str(copy), str(prefix_path)]
    calls = cli("warm", "--dry-run", "--json", prefix_path.parent).json["calls"]
    assert [call["name"] for call in calls] == ["support", "support"]
    assert cli("diff", copy, prefix_path).code == 0


@pytest.mark.parametrize("command", ["check", "warm", "doctor"])
def test_what_is_not_there_is_named(cli: Any, tmp_path: Path, command: str) -> None:
    ran = cli(command, tmp_path / "none.prefix.json")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "none.prefix.json: does not exist" in ran.err
    assert "has no *.prefix.json file" in cli(command, tmp_path).err


def named(name: str, folder: Path, request: dict[str, Any], file: str) -> Path:
    """The file of a prefix, under another name."""
    path = write(make_prefix(name, request), folder / "made")
    return path.replace(folder / file)


def test_capture_writes_to_the_file_that_holds_the_prefix(
    tmp_path: Path, request_body: dict[str, Any]
) -> None:
    path = named("support", tmp_path, request_body, "mine.prefix.json")
    assert capture.write_prefix(load(path), tmp_path) == (path, "unchanged")
    assert list(tmp_path.glob("*.json")) == [path]


def test_capture_prefers_the_usual_name_among_copies(
    tmp_path: Path, request_body: dict[str, Any]
) -> None:
    usual = named("support", tmp_path, request_body, "support.prefix.json")
    shutil.copy(usual, tmp_path / "before.prefix.json")
    assert capture.write_prefix(load(usual), tmp_path) == (usual, "unchanged")


def test_capture_leaves_another_prefix_that_was_given_the_name(
    tmp_path: Path, request_body: dict[str, Any]
) -> None:
    other = named("sales", tmp_path, request_body, "support.prefix.json")
    new = make_prefix("support", request_body)
    assert capture.write_prefix(new, tmp_path) == (tmp_path / "support-2.prefix.json", "new")
    assert capture.write_prefix(new, tmp_path) == (tmp_path / "support-2.prefix.json", "unchanged")
    assert load(other).name == "sales"


def test_capture_replaces_a_file_that_cannot_be_read(
    tmp_path: Path, request_body: dict[str, Any]
) -> None:
    (tmp_path / "support.prefix.json").write_text("{")
    path, change = capture.write_prefix(make_prefix("support", request_body), tmp_path)
    assert (path.name, change) == ("support.prefix.json", "changed: tools, system, messages")
