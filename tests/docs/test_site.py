"""The documentation site: each page has its place, each link leads somewhere, figures are true."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from prefixwarm.cli.command_group import COMMANDS
from prefixwarm.keepwarm.ask_event import MOST_NAMES
from prefixwarm.keepwarm.old_versions import MOST_VERSIONS
from prefixwarm.prefix.body import MAX_BREAKPOINTS
from prefixwarm.prefix.file_form import MAX_BYTES
from prefixwarm.prefix.manifest import MOST_IN_A_TICK
from prefixwarm.prefix.nesting import MAX_DEPTH
from prefixwarm_extension.prefixes import MAX_PREFIXES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
LINKING = [*PAGES, ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "examples" / "README.md"]


def script(name: str) -> Any:
    """A script as a module."""
    loader = SourceFileLoader(re.sub(r"\W", "_", name), str(ROOT / "scripts" / name))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def placed(entries: list[Any]) -> Iterator[str]:
    """The pages of a navigation, in order."""
    for entry in entries:
        for value in entry.values() if isinstance(entry, dict) else (entry,):
            yield from placed(value) if isinstance(value, list) else (value,)


def test_each_page_has_one_place_in_the_navigation() -> None:
    """But for decisions, which their own index lists."""
    nav = Counter(placed(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    pages = [page.relative_to(DOCS).as_posix() for page in PAGES]
    assert nav == Counter(page for page in pages if not re.match(r"adr/\d", page))


TASKS = [
    "get-started",
    "deploy",
    "attach",
    "capture",
    "check",
    "frameworks",
    "gateways",
    "policy",
    "plan",
    "cost",
    "status",
    "runbook",
    "limits",
    "security",
    "compared",
    "how-it-works",
    "commands",
    "cli",
    "settings",
    "metrics",
    "api",
    "state",
    "stability",
]


def test_each_task_of_a_user_has_its_page() -> None:
    """And its place; drawings of the parts and of what happens in time are in one of them."""
    nav = set(placed(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert {f"{task}.md" for task in TASKS} <= nav
    assert (DOCS / "how-it-works.md").read_text("utf-8").count("](drawings/") >= 2


def test_each_decision_is_a_screen_and_in_the_index() -> None:
    """With a number of its own, and with context, decision and consequences."""
    records = sorted((DOCS / "adr").glob("[0-9]*.md"))
    lines = (DOCS / "adr" / "README.md").read_text("utf-8").splitlines()
    for record in records:
        text = record.read_text("utf-8")
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        title = headings[0].removeprefix(f"{record.name[:4]}. ")
        assert headings[1:] == ["Context", "Decision", "Consequences"], record.name
        assert len(text.splitlines()) <= 40, record.name
        assert lines.count(f"- [{record.name[:4]}]({record.name}) {title}") == 1, record.name
    assert len({record.name[:4] for record in records}) == len(records)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_was_not_verified_names_what_would(page: Path) -> None:
    """The script that settles it where there is an account, or that it does not yet."""
    for paragraph in page.read_text("utf-8").split("\n\n"):
        if re.search(r"\b(not verified|not tried on|unverified)\b", paragraph, re.IGNORECASE):
            assert "scripts/verify-" in paragraph


def test_the_status_that_is_explained_is_the_commands() -> None:
    """The table of the command line's page."""
    (shown,) = re.findall(
        r"^```text\n(.*?)```", (DOCS / "status.md").read_text("utf-8"), re.M | re.S
    )
    assert shown in (DOCS / "cli.md").read_text("utf-8")


def test_the_readme_quotes_the_comparison() -> None:
    """Three of its columns, for the same traffic."""
    for row in re.findall(r"^\| (?:one|30) .*$", (ROOT / "README.md").read_text(), re.MULTILINE):
        traffic, *figures = re.findall(r"^\| ([^|]+) \||(\$[\d.]+)", row)
        compared = (DOCS / "compared.md").read_text("utf-8")
        (full,) = re.findall(rf"^\| {re.escape(traffic[0])} \|.*$", compared, re.MULTILINE)
        nothing, hour, _, ours = re.findall(r"\$[\d.]+", full)
        assert [dollars for _, dollars in figures] == [nothing, hour, ours]


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the forge and the site make them."""
    titles = re.findall(r"^#+ (.+)$", without_code(page.read_text("utf-8")), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in titles]
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in plain}


@pytest.mark.parametrize("page", LINKING, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading in it."""
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text("utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    assert wrong == []


@pytest.mark.parametrize("repository", ["", "https://forge.example/blob/main"])
def test_links_out_of_the_docs_lead_into_the_repository(
    repository: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Or are names, where the site does not know of one; a wrong one fails the build."""
    monkeypatch.setenv("DOCS_REPOSITORY", repository)
    page = SimpleNamespace(file=SimpleNamespace(src_uri="adr/0001.md"))
    hooks = script("docs_hooks.py")
    text = "[a](../deploy.md) [b](../../examples/sam) [c](../../nowhere)"
    with caplog.at_level(logging.WARNING):
        made = hooks.on_page_markdown(text, page=page)
    b = f"[b]({repository}/examples/sam)" if repository else "b"
    assert made.startswith(f"[a](../deploy.md) {b} ")
    assert [record.getMessage() for record in caplog.records] == [
        "adr/0001.md links to nowhere, which is not there"
    ]


def test_the_page_of_options_holds_each_command() -> None:
    """With the commands of a group."""
    page = (DOCS / "commands.md").read_text("utf-8")
    sections = re.findall(r"^##+ (.+)$", page, re.MULTILINE)
    assert [section for section in sections if " " not in section] == list(COMMANDS)
    assert "layer build" in sections
    assert page.count("-h, --help") == len(sections)


def test_the_drawings_are_up_to_date() -> None:
    """Else run scripts/update-drawings."""
    for path, svg in script("update-drawings").drawings().items():
        assert path.read_text("utf-8") == svg


def test_the_cold_start_is_drawn_from_a_stored_run(tmp_path: Path) -> None:
    """Of three rounds the one with the median wait is stored, and a busy machine is said."""
    module = script("update-drawings")
    rounds = [
        {
            "starts": [{"began_ms": 0.0, "init_ms": 1000.0, "answered_ms": 3000.0}],
            "calls": [
                {
                    "by": by,
                    "began_ms": 1500.0,
                    "first_token_ms": 1500.0 + wait,
                    "ended_ms": 2900.0,
                    "cost_usd": 0.0123,
                }
                for by in ("init", "agent")
            ],
        }
        for wait in (900.0, 300.0, 600.0)
    ]
    scenarios = [{"name": n, "title": n, "rounds": rounds, "init_ms": 1.0} for n in "abc"]
    run = {"scenarios": scenarios, "machine": {"cores": 2, "busy": True}, "versions": {}, "app": ""}
    stored = module.small(run)
    module.RUN = tmp_path / "run.json"
    module.RUN.write_text(json.dumps(stored))
    drawn = module.cold_start()
    assert drawn.count("first token after 0.6 s") == 2
    assert drawn.count("warm call, $0.0123") == 2
    assert "a machine that was busy" in drawn
    assert json.loads((ROOT / "docs/drawings/demo-run.json").read_text())["command"]


def test_the_limits_are_those_of_the_code() -> None:
    """Each number of the page's first table that is a constant of ours."""
    table = (DOCS / "limits.md").read_text("utf-8")
    for row, limit in (
        ("prefixes on one function", MAX_PREFIXES),
        ("size of a prefix file", f"{MAX_BYTES // 2**20} MB"),
        ("nesting of a request", MAX_DEPTH),
        ("calls that one tick makes itself", MOST_IN_A_TICK),
        (r"names in one \[ask\]\(ask.md\)", MOST_NAMES),
        ("superseded versions of a name that are kept warm", MOST_VERSIONS),
        ("breakpoints in a request", MAX_BREAKPOINTS),
    ):
        assert re.search(rf"^\| {row} \| {limit}\b", table, re.MULTILINE), row
