"""Which prefix files a process observes: those that its environment's start warms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.observe.installed import prefix_files
from prefixwarm.prefix.file_form import write
from prefixwarm.settings import Settings
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from pathlib import Path


def test_prefixes_of_all_folders(tmp_path: Path, make_body: Any) -> None:
    """Of the layer and of the function's own folder; one that is missing or empty is no error."""
    folders = [tmp_path / name for name in ("layer", "missing", "empty", "own")]
    for folder in (folders[0], folders[2], folders[3]):
        folder.mkdir()
    write(make_prefix("support", make_body()), folders[0])
    write(make_prefix("sales", make_body()), folders[3])
    (folders[3] / "broken.prefix.json").write_text("{")
    places = [str(folder) for folder in folders]
    assert [file.name for file in prefix_files(Settings(), places)] == ["support", "sales"]
    assert prefix_files(Settings(disabled=True), places) == []


def test_the_settings_folder_stands_alone(tmp_path: Path, make_body: Any) -> None:
    """As in the init phase."""
    write(make_prefix("support", make_body()), tmp_path)
    own = Settings(prefixes=str(tmp_path))
    assert [file.name for file in prefix_files(own, ["/nowhere"])] == ["support"]
    assert prefix_files(Settings(prefixes="/nowhere"), [str(tmp_path)]) == []
