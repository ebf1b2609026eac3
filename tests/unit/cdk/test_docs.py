"""docs/deploy.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import aws_sns as sns

from prefixwarm_cdk import Credentials

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "deploy.md").read_text()


def test_the_first_example_synthesises(bench: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """As it stands in the text."""
    block = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert block is not None
    (tmp_path / "prefixes").mkdir()
    (tmp_path / "prefixes" / bench.prefix.name).write_bytes(bench.prefix.read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"stack": bench.stack, "agent_function": bench.function()}
    exec(block[1], names)
    bench.template().resource_count_is("AWS::DynamoDB::Table", 1)


@pytest.mark.parametrize("page", ["runtimes", "web-adapter", "tenant-isolation"])
def test_the_examples_of_other_functions_synthesise(bench: Any, tmp_path: Path, page: str) -> None:
    """As they stand in their pages, but for the folder; nothing is warned about."""
    block = re.search(r"```python\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.DOTALL)
    assert block is not None
    for folder in ("dist", "agent", "examples/web_adapter"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "index.js").write_text("")
    code = block[1].replace('from_asset("', f'from_asset("{tmp_path}/')
    exec(code, {"stack": bench.stack, "warmer": bench.warmer()})
    assert bench.warnings() == []
    assert "prefixwarm" in str(bench.template().to_json())


def test_the_keyless_example_synthesises(bench: Any) -> None:
    """As it stands in the text."""
    block = re.search(r"```python\n(credentials = .*?)```", TEXT, re.DOTALL)
    assert block is not None
    names: dict[str, Any] = {"Credentials": Credentials}
    exec(block[1], names)
    bench.warmer(credentials=names["credentials"])
    assert "sts:GetWebIdentityToken" in str(bench.template().to_json())


@pytest.mark.parametrize("page", ["prefix-warmer", "keep-warm", "budget", "credentials"])
def test_the_examples_of_the_constructs_synthesise(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    """As they stand in their pages."""
    block = re.search(
        r"```python\n(.*?)```", (DOCS / f"constructs/{page}.md").read_text(), re.DOTALL
    )
    assert block is not None
    (tmp_path / "prefixes").mkdir()
    (tmp_path / "prefixes" / bench.prefix.name).write_bytes(bench.prefix.read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {
        "stack": bench.stack,
        "agent_function": bench.function(),
        "front_end": bench.function(name="FrontEnd"),
        "topic": sns.Topic(bench.stack, "Topic"),
    }
    exec(block[1], names)
    if page == "prefix-warmer":
        assert len(names["warmer"].attached) == 1
        assert bench.warnings() == []
    made = {"keep-warm": "office_hours", "budget": "budget", "credentials": "by_route"}
    options = {"keep-warm": "keep_warm"}.get(page, page)
    if page in made:
        bench.warmer(**{options: names[made[page]]})
        bench.template().resource_count_is("AWS::DynamoDB::Table", 1)
