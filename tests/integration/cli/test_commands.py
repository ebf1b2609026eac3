"""The commands, one after the other, as a user types them."""

from __future__ import annotations

import json
import subprocess
import sys
from time import time
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.prefix.prefix_file import write
from prefixwarm.state.keepwarm_model import Registration
from prefixwarm.state.memory import FileState
from prefixwarm.state.model import Lease, LeaseRequest, Result, SessionStart
from prefixwarm.wire.deadline import Deadline
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from pathlib import Path

# A small agent without the SDK: what it sends is what counts.
AGENT = """
import json, os, sys, urllib.request
system = "You are a helper. " * 500 + os.environ.get("TENANT", "")
for question in sys.argv[1:]:
    body = {"model": "claude-sonnet-5-5", "max_tokens": 50, "messages": [
        {"role": "user", "content": question}],
        "system": [{"type": "text", "text": system,
            "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}
    if question == "think":
        body |= {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000,
            "model": "claude-sonnet-4-5"}
    request = urllib.request.Request(
        os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", json.dumps(body).encode(),
        {"x-api-key": os.environ["ANTHROPIC_API_KEY"], "anthropic-version": "2023-06-01",
         "content-type": "application/json"})
    usage = json.load(urllib.request.urlopen(request))["usage"]
    print("read", usage["cache_read_input_tokens"], "wrote", usage["cache_creation_input_tokens"])
"""


@pytest.fixture
def cli(capfd: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run a command in a folder of its own; its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    for name in ("PREFIXWARM_TABLE", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "agent.py").write_text(AGENT)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(arguments)
        out, err = capfd.readouterr()
        return code, out, err

    return call


def capture(cli: Any, *words: str) -> tuple[int, str, str]:
    result: tuple[int, str, str] = cli("capture", *words)
    return result


def agent(*questions: str) -> tuple[str, ...]:
    return ("--", sys.executable, "agent.py", *questions)


def test_capture_writes_what_the_agent_sends(cli: Any, tmp_path: Path) -> None:
    """A table for people; the agent's own output stays apart."""
    code, out, err = capture(cli, "--out", "prefixes", *agent("a", "b"))
    assert (code, err.count("read ")) == (0, 2)
    assert out.splitlines()[0].split() == (
        [
            "FILE",
            "MODEL",
            "ROUTE",
            "REQUESTS",
            "TOKENS",
            "TOOLS",
            "SYSTEM",
            "MESSAGES",
            "MINIMUM",
            "CHANGE",
        ]
    )
    assert out.splitlines()[1].split()[:4] == (
        ["prefixes/agent.prefix.json", "claude-sonnet-5-5", "anthropic", "2"]
    )
    assert len(out.splitlines()) == 2
    document = json.loads((tmp_path / "prefixes" / "agent.prefix.json").read_text())
    assert document["request"]["messages"] == [{"role": "user", "content": "warm"}]


def test_capture_as_json(cli: Any) -> None:
    """Standard output holds one JSON object and nothing of the agent."""
    code, out, _ = capture(cli, "--json", "--name", "support", *agent("a", "b"))
    document = json.loads(out)
    assert (code, document["exit_code"], document["unwarmable"]) == (0, 0, [])
    (prefix,) = document["prefixes"]
    assert prefix["file"] == "support.prefix.json"
    assert (prefix["change"], prefix["conversations"], prefix["findings"]) == ("new", 2, [])
    assert list(prefix["tokens_by_tier"]) == ["tools", "system", "messages"]


def test_capture_says_what_changed(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second capture compares with the file that is there."""
    assert "new" in capture(cli, *agent("a"))[1]
    assert "unchanged" in capture(cli, *agent("b"))[1]
    monkeypatch.setenv("TENANT", "blue")
    assert "changed: system" in capture(cli, *agent("a"))[1]


def test_capture_of_an_unwarmable_agent(cli: Any, tmp_path: Path) -> None:
    """The field and the way round; nothing is written; exit code 2."""
    code, out, err = capture(cli, *agent("think"))
    assert (code, out) == (2, "")
    assert "prefixwarm: thinking: a thinking budget forbids max_tokens 0" in err
    assert list(tmp_path.glob("*.json")) == []


def test_capture_of_an_agent_that_fails_later(cli: Any) -> None:
    """What was captured is kept, the failure is told."""
    script = "import runpy, sys; runpy.run_path('agent.py'); sys.exit(3)"
    code, out, err = capture(cli, "--", sys.executable, "-c", script, "a")
    assert (code, "claude-sonnet-5-5" in out) == (1, True)
    assert "the agent ended with exit code 3" in err


def test_capture_of_what_makes_no_request(cli: Any) -> None:
    """One line says what to look at."""
    code, out, err = capture(cli, "--", sys.executable, "-c", "pass")
    assert (code, out) == (1, "")
    assert "no model request of the agent arrived" in err
    assert "ANTHROPIC_BASE_URL" in err


SENDS = """
import http.client, json, os, sys, urllib.parse
url = urllib.parse.urlsplit(os.environ["ANTHROPIC_BASE_URL"])
connection = http.client.HTTPConnection(url.netloc)
headers = {"x-api-key": "k", "anthropic-version": "2023-06-01", "content-type": "application/json"}
connection.request("POST", url.path + sys.argv[1], sys.argv[2], headers)
connection.getresponse().read()
"""


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            "/v1/messages",
            '{"model": "claude-sonnet-5-5"}',
            "every request was refused: HTTP 400: messages: Field required",
        ),
        (
            "/v1/chat/completions",
            "{}",
            "sent no Messages request, only POST /v1/chat/completions: HTTP 404: Not found: ",
        ),
    ],
)
def test_capture_says_what_the_provider_answered(
    cli: Any, path: str, body: str, message: str
) -> None:
    """In its own words; that nothing was seen is said only when nothing was."""
    code, out, err = capture(cli, "--", sys.executable, "-c", SENDS, path, body)
    assert (code, out, message in err) == (1, "", True)
    assert "base URL" not in err


def test_capture_of_a_client_whose_base_holds_the_version(cli: Any) -> None:
    """It leaves the version out of the path."""
    marker = {"type": "ephemeral", "ttl": "1h"}
    body = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 5,
        "system": [{"type": "text", "text": "Help. " * 900, "cache_control": marker}],
        "messages": [{"role": "user", "content": "a"}],
    }
    code, out, _ = capture(cli, "--", sys.executable, "-c", SENDS, "/messages", json.dumps(body))
    assert (code, "claude-sonnet-5-5" in out) == (0, True)


def test_capture_of_what_is_no_program(cli: Any) -> None:
    """Wrong usage."""
    code, _, err = capture(cli, "--", "no-such-program-here")
    assert (code, err) == (
        2,
        "prefixwarm: no-such-program-here: cannot be run: No such file or directory\n",
    )


def test_capture_with_a_bad_name(cli: Any) -> None:
    """The accepted form is named."""
    code, _, err = capture(cli, "--name", "Bad Name", *agent("a"))
    assert (code, "use 1 to 64 of a-z, 0-9 and -" in err) == (2, True)


def test_forward_asks_the_provider(cli: Any, provider: Any) -> None:
    """With --forward the configured provider answers."""
    code, _, _ = capture(cli, "--forward", *agent("a", "b"))
    assert code == 0
    assert [r["status"] for r in provider.requests()] == [200, 200]


def test_warm_then_the_agent_reads(cli: Any, provider: Any) -> None:
    """The agent's first request reads what was warmed, all of it."""
    capture(cli, *agent("a", "b"))
    code, out, _ = cli("warm", "agent.prefix.json", "--json")
    (outcome,) = json.loads(out)["outcomes"]
    assert (code, outcome["kind"], outcome["granted_ttl"]) == (0, "written", 3600)
    ran = subprocess.run(
        [sys.executable, "agent.py", "first"], capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"read {outcome['usage']['write_1h']} wrote 0\n"


@pytest.mark.parametrize(
    ("route", "model", "variable"),
    [
        ("aws", "claude-sonnet-5-5", "ANTHROPIC_AWS_BASE_URL"),
        ("bedrock-mantle", "anthropic.claude-sonnet-5-5", "ANTHROPIC_BEDROCK_MANTLE_BASE_URL"),
        ("bedrock", "global.anthropic.claude-sonnet-5-5", "ANTHROPIC_BEDROCK_BASE_URL"),
    ],
)
def test_warm_on_the_routes_of_aws(
    cli: Any,
    provider: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    route: str,
    model: str,
    variable: str,
) -> None:
    """Signed with the environment's AWS keys; the state names the region."""
    url = provider.mantle_url if route == "bedrock-mantle" else provider.url
    for name, value in {
        variable: url,
        "AWS_ACCESS_KEY_ID": "AKIDTEST",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-central-1",
        "ANTHROPIC_AWS_WORKSPACE_ID": "wrkspc_1",
    }.items():
        monkeypatch.setenv(name, value)
    marker = {"type": "ephemeral", "ttl": "1h"}
    text = {"type": "text", "text": "You are a helper. " * 500, "cache_control": marker}
    turn = {"role": "user", "content": "hi"}
    request = {"model": model, "max_tokens": 9, "system": [text], "messages": [turn]}
    write(make_prefix("agent", request, route=route), tmp_path)
    code, out, _ = cli("warm", "agent.prefix.json", "--state", "s.json", "--json")
    assert (code, json.loads(out)["outcomes"][0]["kind"]) == (0, "written")
    code, out, _ = cli("status", "--state", "s.json", "--json")
    (prefix,) = json.loads(out)["prefixes"]
    assert (prefix["route"], prefix["region"]) == (route, "eu-central-1")


def test_a_dry_run_sends_nothing(cli: Any, provider: Any) -> None:
    """It shows the address, the size and both prices."""
    capture(cli, *agent("a"))
    code, out, _ = cli("warm", "agent.prefix.json", "--dry-run", "--json")
    (plan,) = json.loads(out)["calls"]
    assert (code, plan["url"]) == (0, f"{provider.url}/v1/messages")
    assert plan["write_usd"] == pytest.approx(plan["tokens"] * 4 / 1e6)
    assert plan["read_usd"] == pytest.approx(plan["tokens"] * 0.1 / 1e6)
    assert provider.requests() == []


def test_what_the_state_knows_to_be_warm_is_left_alone(cli: Any, provider: Any) -> None:
    """Unless it is forced; then it is a read."""
    capture(cli, *agent("a"))
    kinds = []
    for extra in ((), (), ("--force",)):
        code, out, _ = cli("warm", "agent.prefix.json", "--state", "s.json", "--json", *extra)
        kinds.append((code, json.loads(out)["outcomes"][0]["kind"]))
    assert kinds == [(0, "written"), (0, "skipped"), (0, "refreshed")]
    assert len(provider.requests()) == 2


def test_a_failed_warm_is_exit_1(cli: Any, provider: Any) -> None:
    """The provider's word for it is shown."""
    capture(cli, *agent("a"))
    provider.inject(status=529)
    code, out, _ = cli("warm", "agent.prefix.json")
    assert (code, "failed" in out, "HTTP 529" in out) == (1, True, True)


def test_without_a_key(cli: Any) -> None:
    """What to set is said."""
    capture(cli, *agent("a"))
    code, out, _ = cli("warm", "agent.prefix.json")
    assert (code, "set ANTHROPIC_API_KEY or PREFIXWARM_API_KEY_SECRET" in out) == (1, True)


def test_status_and_explain(cli: Any, provider: Any) -> None:
    """From the state of the warm calls: how long it is warm, and on what evidence."""
    capture(cli, *agent("a"))
    cli("warm", "agent.prefix.json", "--state", "s.json")
    code, out, _ = cli("status", "--state", "s.json", "--json")
    (prefix,) = json.loads(out)["prefixes"]
    assert (code, prefix["name"], prefix["condition"], prefix["calls"]) == (0, "agent", "warm", 1)
    assert (prefix["route"], prefix["model"]) == ("anthropic", "claude-sonnet-5-5")
    assert 3590 <= prefix["warm_for_seconds"] <= 3600
    code, out, _ = cli("explain", "agent", "--state", "s.json")
    assert code == 0
    assert "warm for another 60 min" in out
    assert "last call written" in out
    assert "nothing shows that the warm entry is read" in out


def test_explain_of_an_unknown_prefix(cli: Any, provider: Any) -> None:
    """The known ones are listed."""
    capture(cli, *agent("a"))
    cli("warm", "agent.prefix.json", "--state", "s.json")
    code, _, err = cli("explain", "other", "--state", "s.json")
    assert (code, err) == (2, "prefixwarm: no state for a prefix 'other'; known: agent\n")


def test_status_says_why_starts_send_nothing_more(cli: Any, tmp_path: Path) -> None:
    """And what helps."""
    store, soon, now = FileState(tmp_path / "s.json"), Deadline.after(60), time()
    key = "state/anthropic/-/default/agent/claude-sonnet-5-5/" + "0" * 32
    store.register(key, Registration(name="agent", at=now, due_at=now), soon)
    wish = LeaseRequest(name="agent", owner="a", now=now, seconds=1, needed_until=now)
    share = {"allowance_usd": 0.4, "week_usd": 0.5, "week_ends": now + 9000}
    assert store.take_lease(key, wish.replace(**share), soon)[1]
    code, out, _ = cli("status", "--state", "s.json")
    spent = "agent: what starts may spend is used up: a write costs $0.40, $0.10 left; more from "
    assert (code, spent in out) == (0, True)


def test_check_of_a_real_request(cli: Any, tmp_path: Path) -> None:
    """Hit is exit 0; drift is exit 1, with tier, place and character."""
    capture(cli, *agent("a"))
    request = json.loads((tmp_path / "agent.prefix.json").read_text())["request"]
    real = tmp_path / "real.json"
    real.write_text(json.dumps({**request, "max_tokens": 99}))
    code, out, _ = cli("check", "agent.prefix.json", "--request", "real.json")
    assert (code, out) == (0, "agent.prefix.json: ok the request would read the warmed prefix\n")
    request["system"][0]["text"] = "You were" + request["system"][0]["text"][7:]
    real.write_text(json.dumps(request))
    code, out, _ = cli("check", "agent.prefix.json", "--request", "real.json", "--json")
    verdict = json.loads(out)["files"][0]["request"]
    assert (code, verdict["hit"], verdict["drift"]["tier"]) == (1, False, "system")
    assert (verdict["drift"]["place"], verdict["drift"]["character"]) == ("system[0].text", 4)


def test_build_from_code(cli: Any, tmp_path: Path) -> None:
    """A Prefix in a module of this folder, and the same request from the same object."""
    (tmp_path / "mine.py").write_text(
        "from prefixwarm.observe import Prefix\n"
        "PREFIX = Prefix('mine', model='claude-sonnet-5-5', system='Help. ' * 900,\n"
        "    context='The catalogue: bikes.')\n"
        "REQUEST = PREFIX.request([{'role': 'user', 'content': 'hi'}])\n"
    )
    code, out, _ = cli("build", "mine:PREFIX", "--json")
    assert (code, json.loads(out)["file"]) == (0, "mine.prefix.json")
    sys.path.insert(0, str(tmp_path))
    try:
        import mine  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(tmp_path))
    (tmp_path / "real.json").write_text(json.dumps(mine.REQUEST))
    code, out, _ = cli("check", "mine.prefix.json", "--request", "real.json")
    assert (code, "would read the warmed prefix" in out) == (0, True)


def test_layer_build(cli: Any, tmp_path: Path) -> None:
    """The zip holds the prefix file that was captured."""
    from zipfile import ZipFile

    capture(cli, "--out", "prefixes", *agent("a"))
    code, out, _ = cli("layer", "build", "--out", "layer.zip", "--prefixes", "prefixes", "--json")
    assert (code, json.loads(out)["prefixes"]) == (0, ["prefixes/agent.prefix.json"])
    with ZipFile(tmp_path / "layer.zip") as layer:
        assert "prefixwarm/prefixes/agent.prefix.json" in layer.namelist()


def test_status_tells_whether_warming_is_used_and_pays(cli: Any, tmp_path: Path) -> None:
    """Three prefixes: read, never read, and one with spending of unknown price; and their sum."""
    store, soon = FileState(tmp_path / "s.json"), Deadline.after(60)
    for name, price in (("read", 0.5), ("unread", 0.25), ("unpriced", None)):
        key = f"state/anthropic/-/default/{name}/claude-sonnet-5-5/0"
        store.register(key, Registration(name=name, at=0.0, due_at=0.0), soon)
        wish = LeaseRequest(name=name, owner="t", now=1000.0, seconds=9, needed_until=1000.0)
        lease = Lease(key=key, owner="t", token=store.take_lease(key, wish, soon)[0].lease.token)
        result = Result(
            outcome="written", started=1000.0, ttl=3600, max_tokens=0, due_at=4000.0, cost_usd=price
        )
        store.record(lease, result, soon)
        if name == "read":
            start = SessionStart(at=9000.0, quiet=300, hit=True, saved=True, saved_usd=0.75)
            store.count_start(key, start, soon)
    code, out, _ = cli("status", "--state", str(tmp_path / "s.json"), "--json")
    document = json.loads(out)
    by_name = {
        p["name"]: (p["use"], p["net_usd"], p["start_hit_rate"]) for p in document["prefixes"]
    }
    assert code == 0
    assert by_name == {
        "read": ("read", 0.25, 1.0),
        "unread": ("not observed", -0.25, None),
        "unpriced": ("not observed", None, None),
    }
    assert (document["total"]["spent_usd"], document["total"]["net_usd"]) == (0.75, None)
    _, out, _ = cli("status", "--state", str(tmp_path / "s.json"))
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert "$0.25" in rows["read"]
    assert "-$0.25" in rows["unread"]
    assert "unknown" in rows["total"]
