"""Finding the compiled prefixes of a sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.errors import PrefixFileError
from prefixwarm_extension.prefixes import MAX_PREFIXES, load_all

if TYPE_CHECKING:
    from prefixwarm.prefix.compiled import WarmCall


def test_folders_that_are_missing_hold_nothing(tmp_path: Path) -> None:
    """Most sandboxes have one of the two."""
    assert list(load_all((str(tmp_path / "none"), str(tmp_path)))) == []


def test_compiled_prefixes_of_all_folders_are_found_in_order(
    call: WarmCall, tmp_path: Path
) -> None:
    """By folder, then by name; other files are left alone."""
    for place in ("a/two.warm", "a/one.warm", "b/three.warm", "b/notes.txt"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(call.replace(name=Path(place).stem).to_bytes())
    loaded = list(load_all((str(tmp_path / "a"), str(tmp_path / "b"))))
    names = [item.name for item in loaded if not isinstance(item, PrefixFileError)]
    assert names == ["one", "two", "three"]


def test_the_compiled_file_is_taken_before_its_source(call: WarmCall, tmp_path: Path) -> None:
    """The prefix file beside it is not even read."""
    (tmp_path / "support.warm").write_bytes(call.to_bytes())
    (tmp_path / "support.prefix.json").write_text("not JSON")
    (compiled,) = load_all((str(tmp_path),))
    assert not isinstance(compiled, PrefixFileError)
    assert compiled.to_bytes() == call.to_bytes()


def test_what_is_beyond_the_limit_is_one_error(call: WarmCall, tmp_path: Path) -> None:
    """A sandbox is no place for a catalogue."""
    for number in range(MAX_PREFIXES + 5):
        (tmp_path / f"p{number}.warm").write_bytes(call.to_bytes())
    loaded = list(load_all((str(tmp_path),)))
    assert len(loaded) == MAX_PREFIXES + 1
    assert isinstance(loaded[-1], PrefixFileError)
