"""The check of the product's structure, on small packages of the test's own."""

from __future__ import annotations

import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[..., list[str]]

SCRIPT = Path(__file__).parents[3] / "scripts" / "check-structure"


@pytest.fixture(scope="module")
def script() -> Any:
    """The script as a module."""
    spec = spec_from_loader("check_structure", SourceFileLoader("check_structure", str(SCRIPT)))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def check(script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Write the files of package ``shop``, by name, and check it."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def checked(
        files: dict[str, str], accepted: tuple[str, ...] = (), layers: set[str] | None = None
    ) -> list[str]:
        for name, text in {"__init__": "", **files}.items():
            path = tmp_path / "src" / "shop" / (name if "." in name else f"{name}.py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        findings: list[str] = script.check(tmp_path, ["src/shop"], accepted, layers)
        return findings

    return checked


def test_a_tidy_package_passes(check: Check) -> None:
    """Imports that go one way, a file of 400 lines, a function of 40 below its docstring."""
    lines = ["def work() -> None:", '    """Works.', "", '    At length."""', *["    pass"] * 39]
    full = "\n".join([*lines, *["x = 1"] * (400 - len(lines))]) + "\n"
    assert check({"low": full, "high": "from shop import low\nfrom shop.low import work\n"}) == []


@pytest.mark.parametrize(
    "back",
    [
        "import shop.b",
        "from shop import b",
        "from .b import thing",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.b import thing",
        "def late() -> None:\n    from shop.b import thing",
    ],
)
def test_an_import_circle_is_reported(check: Check, back: str) -> None:
    """Inside a package too, however the import is written, and over any number of files."""
    files = {"a": back, "b": "from shop.c import thing", "c": "from shop.a import late as thing"}
    assert check({**files, "d": "import shop.a"}) == ["circle in shop: a, b, c"]


def test_a_long_file_is_reported(check: Check) -> None:
    """One line over the limit."""
    assert check({"long": "x = 1\n" * 401}) == ["file over 400 lines: src/shop/long.py"]


def test_a_long_program_in_another_language_is_reported(check: Check) -> None:
    """Shell and JavaScript; data is no program."""
    files = {"start.sh": ":\n" * 401, "run.cjs": "0;\n" * 401, "rows.json": "1\n" * 401}
    expected = [f"file over 400 lines: src/shop/{name}" for name in ("run.cjs", "start.sh")]
    assert check(files) == expected


@pytest.mark.parametrize("head", ["def work() -> None:", "async def work() -> None:"])
def test_a_long_function_is_reported(check: Check, head: str) -> None:
    """One line over the limit, as a method too."""
    body = "".join(f"    {line}\n" for line in [head, *["    pass"] * 40])
    findings = check({"long": f"class Shop:\n{body}"})
    assert findings == ["function over 40 lines: work in src/shop/long.py"]


def test_a_name_in_two_packages_is_reported(check: Check) -> None:
    """Unless it names the same job in each; a package inside the package counts as another."""
    same = {"errors": "", "till/__init__": "", "till/errors": ""}
    assert check(same) == []
    findings = check({**same, "rules": "", "till/rules": ""})
    assert findings == [
        "one name in several packages: rules.py in src/shop, src/shop/till",
    ]


def test_a_package_name_in_two_packages_is_reported(check: Check) -> None:
    """Like that of a file."""
    files = {f"{place}/__init__": "" for place in ("stock", "till", "till/stock")}
    expected = ["one name in several packages: stock in src/shop, src/shop/till"]
    assert check(files) == expected


def test_a_package_outside_the_order_is_reported(script: Any, check: Check, tmp_path: Path) -> None:
    """No contract of import-linter would notice what it imports."""
    contract = 'type = "layers"\nname = "down"\nlayers = ["shop.a | shop.b"]\n'
    project = tmp_path / "pyproject.toml"
    project.write_text(
        '[tool.importlinter]\nroot_packages = ["shop"]\n'
        f"[[tool.importlinter.contracts]]\n{contract}"
    )
    layers = script.layers_of(project)
    files = dict.fromkeys(("a", "b/__init__", "b/inner", "__main__", "rows.json", "data/x.sh"), "")
    assert check(files, (), layers) == []
    expected = [f"in no layer of imports in pyproject.toml: shop.{name}" for name in ("c", "d")]
    assert check({**files, "c": "", "d/__init__": ""}, (), layers) == expected
    assert check(files, (), {"shop"}) == []


def test_a_known_finding_passes_until_it_is_cured(check: Check) -> None:
    """Then its entry must go."""
    accepted = "file over 400 lines: src/shop/long.py"
    assert check({"long": "x = 1\n" * 401}, (accepted,)) == []
    cured = f"no longer found, delete it from KNOWN: {accepted}"
    assert check({"long": "x = 1\n"}, (accepted,)) == [cured]
