"""docs/deploy.md says what the code does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from prefixwarm import settings
from prefixwarm_cdk import Credentials, PrefixWarmer

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "deploy.md").read_text()


def test_the_table_of_settings_is_complete() -> None:
    """Every variable, and no other."""
    listed = re.findall(r"^\| `(PREFIXWARM_\w+)` \|", TEXT, re.MULTILINE)
    names = {
        value for name, value in vars(settings).items() if name.isupper() and isinstance(value, str)
    }
    assert sorted(listed) == sorted(names)


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


def test_the_table_of_settings_has_the_codes_defaults() -> None:
    """Where the code has one."""
    rows = dict(re.findall(r"^\| `(PREFIXWARM_\w+)` \| `?([^|`]+)`? \|", TEXT, re.MULTILINE))
    found = settings.Settings.from_environment({"X": "1"})
    assert rows[settings.INIT].strip() == found.init
    assert rows[settings.INIT_HOLD_MS].strip() == str(found.init_hold_ms)
    assert rows[settings.CACHE_SCOPE].strip() == found.cache_scope
    assert float(rows[settings.LATENCY_VALUE]) == found.latency_value


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


def test_the_tables_of_the_construct_are_complete() -> None:
    """Every property and every keyword of `attach`, in their order."""
    _, _, section = TEXT.partition("### All its settings")
    section = section.partition("\n### ")[0]
    rows = [
        re.findall(r"`(\w+)`", row) for row in re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    ]
    listed = [name for row in rows for name in row]
    callables = (PrefixWarmer.__init__, PrefixWarmer.attach)
    assert listed == [
        name
        for function in callables
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
