"""One example of each kind of request that once went wrong; a folder beside this file for each.

What is right comes from the provider's documentation or from the public reports that are named.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.fields.field_table import table
from prefixwarm.observe import Prefix
from prefixwarm.observe.breakpoint import with_breakpoint
from prefixwarm.prefix.prefix_file import load
from prefixwarm.simulator import refusal, running
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import HttpTransport, Request
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.simulator import Simulator

Json = dict[str, Any]
HERE = Path(__file__).parent
TYPE = {"content-type": "application/json", "authorization": "Bearer k"}
QUESTION = [{"role": "user", "content": "x"}]
VERSION = {"anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    with running(clock="manual") as simulator:
        yield simulator


@pytest.fixture
def cli(capfd: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command in a folder of its own; its exit code and its JSON."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, Any]:
        code = run([str(argument) for argument in arguments])
        out = capfd.readouterr().out
        return code, json.loads(out) if out else None

    return call


def read(case: str, name: str) -> Json:
    """One file of a case."""
    document: Json = json.loads((HERE / case / name).read_bytes())
    return document


def requests(case: str) -> list[Path]:
    """The files that an agent sends."""
    return sorted((HERE / case).glob("request*.json"))


def captured(cli: Any, case: str, *options: str) -> tuple[int, Any, list[PrefixFile]]:
    """Capture a case; the exit code, the output, and the files."""
    agent = [sys.executable, HERE / "replay.py", *requests(case)]
    code, document = cli("capture", "--json", "--name", "case", *options, "--", *agent)
    prefixes = document["prefixes"] if document else []
    return code, document, [load(Path(one["file"])) for one in prefixes]


def rules(agent: Json) -> set[tuple[str, str]]:
    """Rule and severity of each finding."""
    return {(one["rule"], one["severity"]) for one in agent["findings"]}


def usage(provider: Simulator, body: Json, headers: Json | None = None) -> Json:
    """What a request to the Messages API bills, or the error that it is answered with."""
    transport = HttpTransport()
    sent = Request(
        method="POST",
        url=f"{provider.url}/v1/messages",
        headers={**TYPE, **VERSION, **(headers or {})},
        body=json.dumps(body).encode(),
    )
    reply = transport.send(sent, Deadline.after(30))
    transport.close()
    document: Json = json.loads(reply.body)
    billed: Json = document.get("usage") or document["error"]
    return billed


def read_tokens(provider: Simulator, first: Json, second: Json, headers: Json | None = None) -> int:
    """What the second of two requests reads."""
    provider.reset()
    usage(provider, first, headers)
    tokens: int = usage(provider, second, headers)["cache_read_input_tokens"]
    return tokens


def last_marked(prefix: PrefixFile) -> str:
    """The name of the last tool with a breakpoint."""
    marked = [tool for tool in prefix.request["tools"] if tool.get("cache_control")]
    return str(marked[-1]["name"])


def test_f01a_a_deferred_tool_with_a_breakpoint_is_refused(provider: Simulator) -> None:
    """router-for-me/CLIProxyAPI#4561, anthropics/claude-code#86743."""
    error = usage(provider, read("F01a", "request.json"))
    assert error["type"] == "invalid_request_error"
    assert "defer_loading" in error["message"]


def test_f01b_the_breakpoint_is_on_the_last_tool_that_is_not_deferred(cli: Any) -> None:
    """In the warm request, and in what is advised."""
    _, document, (prefix,) = captured(cli, "F01b")
    assert last_marked(prefix) == "core_11"
    (missing,) = [f for f in document["prefixes"][0]["findings"] if f["rule"] == "no-breakpoint"]
    assert missing["place"] == "tools[12]"


def test_f01c_a_prefix_of_code_with_a_deferred_tool() -> None:
    """The breakpoint that is set for the caller goes where it may stand."""
    core = [
        {"name": f"core_{i}", "description": "Parcels. " * 200, "input_schema": {"type": "object"}}
        for i in range(8)
    ]
    late = {"name": "late", "input_schema": {"type": "object"}, "defer_loading": True}
    request = Prefix("late", model="claude-sonnet-5", tools=[*core, late]).request(
        messages=QUESTION, max_tokens=5
    )
    assert [t["name"] for t in request["tools"] if "cache_control" in t] == ["core_7"]


def test_f02a_deferred_tools_are_not_compared(cli: Any) -> None:
    """The provider: the prefix is untouched."""
    captured(cli, "F02a")
    code, document = cli(
        "check", "case.prefix.json", "--json", "--request", HERE / "F02a/real.json"
    )
    assert (code, document["files"][0]["request"]["hit"]) == (0, True)


def test_f02b_agents_that_differ_in_deferred_tools_are_one(cli: Any) -> None:
    """One file, one warm state."""
    _, document, prefixes = captured(cli, "F02b")
    assert (len(prefixes), document["prefixes"][0]["requests"]) == (1, 2)


def test_f03a_skills_are_in_the_system_prompt(cli: Any, provider: Simulator) -> None:
    """The skills guide: changing the list breaks the cache."""
    sides = [HERE / "F03a" / name for name in ("left.json", "right.json")]
    code, document = cli("diff", *sides, "--json")
    assert (code, [one["tier"] for one in document["differences"]]) == (1, ["system"])
    bodies = [read("F03a", side.name) for side in sides]
    betas = {"anthropic-beta": "code-execution-2025-08-25,skills-2025-10-02"}
    assert read_tokens(provider, *bodies, betas) == 0


@pytest.mark.parametrize(
    ("case", "fields"),
    [("F04", ["container"]), ("F04b", ["compaction", "fallback_credit_token"])],
)
def test_f04_what_belongs_to_one_run_or_request_is_left_out(
    cli: Any, case: str, fields: list[str]
) -> None:
    """pydantic/pydantic-ai#7833: a container's id dies; a credit token is bound to one body."""
    _, document, prefixes = captured(cli, case)
    assert prefixes
    assert not {field for prefix in prefixes for field in fields if field in prefix.request}
    places = {f["place"] for one in document["prefixes"] for f in one["findings"]}
    assert places & set(fields)


def test_f05a_the_shared_part_may_end_in_the_first_message(cli: Any) -> None:
    """pydantic/pydantic-ai#3363: a document, then the question."""
    code, document, (prefix,) = captured(cli, "F05a")
    assert code == 0
    assert document["prefixes"][0]["tokens_by_tier"]["messages"] > 4000
    assert prefix.request["messages"][0]["content"][0]["cache_control"]


def test_f06a_connectors_are_tools(cli: Any) -> None:
    """Another configuration of a server is another tools tier."""
    sides = [HERE / "F06a" / name for name in ("left.json", "right.json")]
    code, document = cli("diff", *sides, "--json")
    assert (code, [one["tier"] for one in document["differences"]]) == (1, ["tools"])


def test_f06b_the_older_name_of_an_output_format(cli: Any, provider: Simulator) -> None:
    """It forbids no output, and differs from none."""
    _, _, (prefix,) = captured(cli, "F06b")
    assert prefix.request["max_tokens"] == 1
    beta = {"anthropic-beta": "structured-outputs-2025-11-13"}
    silent = {**prefix.request, "max_tokens": 0}
    assert usage(provider, silent, beta)["type"] == "invalid_request_error"
    code, document = cli("diff", requests("F06b")[0], HERE / "F06b/right.json", "--json")
    assert (code, [one["tier"] for one in document["differences"]]) == (1, ["system"])


def test_f07_one_output_has_one_verdict(cli: Any, tmp_path: Path) -> None:
    """The document that is shared in the messages is read; without it, nothing is cached."""
    real = HERE / "F07/real.json"
    code, document, _ = captured(cli, "F07")
    assert (code, rules(document["prefixes"][0])) == (0, {("ttl-differs", "warning")})
    code, document = cli("check", "case.prefix.json", "--json", "--request", real)
    assert (code, document["files"][0]["request"]["hit"]) == (0, True)
    short = tmp_path / "short.json"
    short.write_text(json.dumps({**read("F07", "real.json"), "messages": QUESTION}))
    agent = [sys.executable, HERE / "replay.py", short]
    code, document = cli("capture", "--json", "--name", "short", "--", *agent)
    assert code == 1
    assert ("under-minimum", "error") in rules(document["prefixes"][0])
    code, document = cli("check", "short.prefix.json", "--json", "--request", short)
    assert (code, document["files"][0]["request"]["hit"]) == (1, False)


def test_f08a_an_empty_text_with_a_breakpoint(cli: Any) -> None:
    """askalf/dario#1066, anthropics/claude-code#50082."""
    captured(cli, "F08a")
    code, document = cli(
        "check", "case.prefix.json", "--json", "--request", HERE / "F08a/real.json"
    )
    assert code == 1
    verdict = document["files"][0]["request"]
    assert ("refused-shape", "error") in rules(verdict)
    assert verdict["hit"] is False


def test_f09a_four_breakpoints_and_the_prefix_ends_elsewhere(cli: Any) -> None:
    """The least useful one goes."""
    _, _, (prefix,) = captured(cli, "F09a")
    text = json.dumps(prefix.request)
    assert text.count("cache_control") <= 4
    assert refusal({**prefix.request, "max_tokens": 5}, prefix.headers) is None


@pytest.mark.parametrize("name", sorted(path.stem for path in (HERE / "F11").glob("*.json")))
def test_f11_what_the_provider_refuses(provider: Simulator, name: str) -> None:
    """The reports stand in tests/integration/capture/test_one_answer.py, beside each shape."""
    assert usage(provider, read("F11", f"{name}.json"))["type"] == "invalid_request_error"


def test_f12_an_explicit_default_is_none(cli: Any) -> None:
    """On Haiku 4.5 an omitted `thinking` is a disabled one."""
    captured(cli, "F12")
    code, document = cli("check", "case.prefix.json", "--json", "--request", HERE / "F12/real.json")
    assert (code, document["files"][0]["request"]["hit"]) == (0, True)


def test_f13a_one_credential_stops_one_file(cli: Any) -> None:
    """The other agent gets its file; the message names the place and what to do."""
    code, document, prefixes = captured(cli, "F13a")
    assert (code, len(prefixes)) == (1, 1)
    (finding,) = document["unwarmable"][0]["findings"]
    assert finding["rule"] == "credential"
    assert "mcp_servers[0].authorization_token" in finding["place"]
    assert "--placeholder" in finding["message"]
    code, _, prefixes = captured(cli, "F13a", "--placeholder", "made-up")
    assert (code, len(prefixes)) == (0, 2)


def test_f13b_placeholders_are_no_credentials(cli: Any) -> None:
    """A documented example key, and YOUR_KEY in an example of a tool's input."""
    code, document, prefixes = captured(cli, "F13b")
    assert (code, len(prefixes), document["unwarmable"]) == (0, 2, [])


@pytest.mark.parametrize("model", [None, "claude-sonnet-5"])
def test_f14_an_application_inference_profile(cli: Any, model: str | None) -> None:
    """strands-agents/harness-sdk#1795: warmed by its ARN; the model behind gives price and more."""
    _, _, (prefix,) = captured(cli, "F14", *(["--model", model] if model else []))
    assert ":application-inference-profile/" in prefix.model
    assert bool(prefix.usd_per_mtok) == bool(model)
    assert bool(prefix.tokens["minimum"]) == bool(model)


def test_f15_each_form_of_volatile_text_is_named(cli: Any) -> None:
    """CherryHQ/cherry-studio#16398, earendil-works/pi#1873 and others."""
    captured(cli, "F15")
    _, document = cli("check", "case.prefix.json", "--json")
    findings = document["files"][0]["findings"]
    volatile = [one for one in findings if one["rule"] == "volatile-content"]
    lines = read("F15", "request1.json")["system"][0]["text"].splitlines()[:-1]
    text = "\n".join(one["message"] for one in volatile)
    assert [line for line in lines if _value(line) not in text] == []


def _value(line: str) -> str:
    """The volatile part of one of the case's lines, as far as a message quotes it."""
    values = {"HEAD": "3f2a9b1", "Request": "V1StGXR8_Z5jdHi6B-myT", "Session": "01ARZ3NDEKT"}
    values |= {"Working": "tmp/tmpk3j2h1x9", "Tools:": "0x7f3a2c1d9e40", "Current": "3:07:42 PM"}
    first, _, rest = line.partition(" ")
    return values.get(first, line[:28] if first.startswith("x-") else rest)


def test_f16_a_null_breakpoint_is_none() -> None:
    """BerriAI/litellm#19916 sends it: the breakpoint is added."""
    text = "You are a clerk. " * 500
    marked = {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    agent = {"model": "claude-sonnet-5", "system": [marked], "messages": QUESTION, "max_tokens": 9}
    sent = {**agent, "system": [{**marked, "cache_control": None}]}
    added = with_breakpoint(sent, make_prefix("x", agent, headers=VERSION))
    assert added is not None
    assert added["system"][0]["cache_control"] == marked["cache_control"]


def test_f19a_a_conversation_varies_and_the_prefix_is_read(cli: Any) -> None:
    """Mid-conversation system messages, effort by message, and tools that are added."""
    code, document, prefixes = captured(cli, "F19a")
    assert code == 0
    assert sum(one["requests"] for one in document["prefixes"]) == 3
    assert all("messages" not in prefix.request or prefix.tokens for prefix in prefixes)


def test_u01_a_breakpoint_inside_a_result_is_unsettled(cli: Any) -> None:
    """BerriAI/litellm#6422 reports hits, langchain-ai/langchain#34920 errors: a switch says."""
    code, _, prefixes = captured(cli, "U01")
    assert (code, len(prefixes)) == (0, 1)
    assert table().row("result_content", "text").breakpoint is not None
    body = read("U01", "request1.json")
    with running(clock="manual", inner_markers="refused") as strict:
        assert "type" in usage(strict, body)
