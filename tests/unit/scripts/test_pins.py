"""What is fetched is pinned, and the pins fit what the project asks for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from prefixwarm.local.toolchain import CDK_CLI, EMULATOR, RUNTIME_CLIENT

ROOT = Path(__file__).resolve().parents[3]
PINS = ROOT / "prefixwarm" / "local" / "pins"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
MACHINES = ("x86_64", "aarch64")


def project() -> dict[str, list[str]]:
    """The lists of requirements of pyproject.toml, by name; Python 3.10 has no parser of TOML."""
    text = (ROOT / "pyproject.toml").read_text()
    lists = re.findall(r"^(\w+) = \[(.*?)\]$", text, re.MULTILINE | re.DOTALL)
    return {name: re.findall(r'"([^"]+)"', inner) for name, inner in lists}


def wanted(*names: str) -> list[Requirement]:
    """The requirements in these lists, and in those that they include."""
    requirements: list[Requirement] = []
    for name in names:
        for text in project()[name]:
            requirement = Requirement(text)
            if requirement.name == "prefixwarm":
                requirements += wanted(*requirement.extras)
            else:
                requirements.append(requirement)
    return requirements


def pinned(file: Path) -> dict[str, list[Requirement]]:
    """The pins of a file by package."""
    pins: dict[str, list[Requirement]] = {}
    for line in file.read_text().splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line.rstrip(" \\"))
            pins.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return pins


@pytest.mark.parametrize(
    ("name", "lists"),
    [
        ("demo", ("demo", "requires")),
        ("docs", ("cli", "docs", "requires")),
        ("test", ("all", "test", "requires")),
        ("frameworks", ("simulator", "frameworks", "requires")),
        ("lowest", ("cli", "keepwarm", "cdk", "requires")),
    ],
)
def test_the_pins_fit_the_project(name: str, lists: tuple[str, ...]) -> None:
    """Whoever changes a dependency runs scripts/pin."""
    pins = pinned(ROOT / "requirements" / f"{name}.txt")
    for python in PYTHONS[name == "frameworks" :]:
        for machine in MACHINES:
            environment = {
                "python_version": python,
                "python_full_version": f"{python}.5",
                "platform_machine": machine,
                "platform_system": "Linux",
                "sys_platform": "linux",
            }
            for requirement in wanted(*lists):
                if requirement.marker and not requirement.marker.evaluate(environment):
                    continue
                fitting = [
                    pin
                    for pin in pins.get(canonicalize_name(requirement.name), [])
                    if not pin.marker or pin.marker.evaluate(environment)
                ]
                assert len(fitting) == 1, f"{requirement}, Python {python}: run scripts/pin"
                (version,) = fitting[0].specifier
                assert requirement.specifier.contains(version.version), (
                    f"{requirement}: scripts/pin"
                )


def test_the_lowest_pins_are_the_bounds() -> None:
    """What scripts/test-lowest installs is the lowest that the extras allow."""
    pins = pinned(ROOT / "requirements" / "lowest.txt")
    for requirement in wanted("cli", "keepwarm", "cdk"):
        (bound,) = [part.version for part in requirement.specifier if part.operator == ">="]
        (pin,) = pins[canonicalize_name(requirement.name)][0].specifier
        assert Version(pin.version) == Version(bound), f"{requirement}: run scripts/pin"


FILES = sorted([*(ROOT / "requirements").glob("*.txt"), *PINS.glob("*.txt")])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_package_has_one_version_and_digests(file: Path) -> None:
    """And no line says where it comes from: that is the machine's to know."""
    text = file.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash=sha256:[0-9a-f]{64})", text, re.MULTILINE)
    for block in re.split(r"\n(?=\S)", text.strip()):
        head = block.splitlines()[0]
        assert re.match(r"^[\w.\[\],-]+==[\w.+!]+( ; .*)? \\$", head), head
        assert block.count("--hash=sha256:") >= 1, head


def test_the_tools_are_those_that_are_pinned() -> None:
    """Names in the code and in the pins are the same versions."""
    assert str(pinned(ROOT / "requirements" / "sam.txt")["aws-sam-cli"][0]) == EMULATOR
    assert str(pinned(PINS / "runtime.txt")["awslambdaric"][0]) == RUNTIME_CLIENT
    lock = json.loads((PINS / "package-lock.json").read_text())
    name, _, version = CDK_CLI.partition("@")
    packages = {path: p for path, p in lock["packages"].items() if path}
    assert packages[f"node_modules/{name}"]["version"] == version
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert "resolved" not in json.dumps(lock)
