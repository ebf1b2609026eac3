"""Where `--html` writes to is checked before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from prefixwarm.cli.page_files import refuse_unwritable, write_page
from prefixwarm.errors import UsageError


@pytest.mark.parametrize("name", ["missing/page.html", "."])
def test_a_page_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        UsageError, match=r"--html .*: cannot be written: name a file in an existing"
    ):
        refuse_unwritable(tmp_path / name)


@pytest.mark.parametrize("command", ["demo", "try"])
def test_it_is_refused_before_anything_is_deployed(cli: Any, tmp_path: Path, command: str) -> None:
    ran = cli(command, "--html", str(tmp_path / "missing" / "page.html"))
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("name", ["page.html", "other.html"])
def test_any_other_file_is_taken(tmp_path: Path, monkeypatch: Any, name: str) -> None:
    """Also without a folder, and one that is there already."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "page.html").write_text("old")
    refuse_unwritable(None)
    refuse_unwritable(tmp_path / name)
    refuse_unwritable(Path(name))
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_page_is_written_and_named(tmp_path: Path, capsys: Any) -> None:
    write_page(tmp_path / "page.html", "<p>ü</p>")
    assert (tmp_path / "page.html").read_text("utf-8") == "<p>ü</p>"
    assert capsys.readouterr().err == f"wrote {tmp_path / 'page.html'}\n"
    with pytest.raises(UsageError, match="cannot be written: No such file"):
        write_page(tmp_path / "missing" / "page.html", "")
