"""Where there is no Python: the launcher's asker as a process, by curl and by Node.js."""

from __future__ import annotations

import json
import random
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from extension_bench import KEY, TABLE, write_prefix
from faulty_server import FaultyServer, drip, endless, hang, reply, reset, send
from signed_aws import SECRET, SignedAws

from prefixwarm.prefix.compiled import SUFFIX, WarmCall, compile_prefix
from prefixwarm.prefix.prefix_file import load
from prefixwarm.settings import Settings
from prefixwarm.state.item import state_of
from prefixwarm.wire.aws import endpoint
from prefixwarm_extension.init_policy import decide, start_of
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from extension_bench import Bench

TOKEN = "token/with+all=="
PROGRAMS = {"curl": ("curl", "bash"), "node": ("node", "bash"), "both": ("curl", "node", "bash")}
COUNTED = ("WarmFailed", "WarmTrouble")
WHOLE = "write a whole number from 0 to"

ASKED = {"warm": ["support"], "wait": True, "needed_for_seconds": 30, "function": "agent"}


@dataclass(frozen=True)
class Asked:
    """What became of one run."""

    lines: list[dict[str, Any]]
    signal: str
    status: int
    error: str

    @property
    def line(self) -> dict[str, Any]:
        """The only line."""
        (line,) = self.lines
        return line


@dataclass
class Asker:
    """Runs the layer's asker with these programs on its path and nothing else."""

    bench: Bench
    programs: Path
    home: Path

    def run(self, aws: str, kind: str = "on-demand", hold_ms: int = 9000, **env: str) -> Asked:
        """Run it against this endpoint, in the environment that `attach` makes."""
        settings = {
            "PATH": str(self.programs),
            "AWS_ENDPOINT_URL": aws,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_SESSION_TOKEN": TOKEN,
            "AWS_LAMBDA_FUNCTION_NAME": "agent",
            "PREFIXWARM_TABLE": TABLE,
            "PREFIXWARM_ASK": "keepwarm",
            "PREFIXWARM_CACHE_SCOPE": self.bench.scope,
            **env,
        }
        signal = self.home / "signal"
        signal.write_text("")
        done = subprocess.run(
            ["bash", "-c", f'exec bash -p {self.home}/ask.sh {hold_ms} "{kind}" 3>{signal}'],
            env={name: text for name, text in settings.items() if text},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return Asked(lines, signal.read_text(), done.returncode, done.stderr)

    def add(self, *names: str) -> dict[str, WarmCall]:
        """Attach these prefixes."""
        folder = self.home / "prefixes"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        calls = {}
        for name in names:
            call = calls[name] = compile_prefix(load(write_prefix(self.home / "files", name)))
            (folder / f"{name}{SUFFIX}").write_bytes(call.to_bytes())
        return calls

    def put(
        self, call: WarmCall, functions: tuple[str, ...] = ("agent", "b"), **attributes: float | str
    ) -> dict[str, Any]:
        """Record a warm state with these attributes."""
        values = {
            n: {"N" if isinstance(v, (int, float)) else "S": str(v)} for n, v in attributes.items()
        }
        own = {"pk": {"S": call.key(self.bench.scope, {})}, "version": {"N": "1"}}
        item = {**own, "functions": {"SS": list(functions)}, **values}
        self.bench.dynamodb.put_item(TableName=TABLE, Item=item)
        return item


@pytest.fixture(params=["curl", "node"])
def asker(request: pytest.FixtureRequest, bench: Bench, tmp_path: Path) -> Asker:
    """With curl alone, and with Node.js alone."""
    return _asker(PROGRAMS[request.param], bench, tmp_path)


@pytest.fixture
def curl(bench: Bench, tmp_path: Path) -> Asker:
    """With curl alone."""
    return _asker(PROGRAMS["curl"], bench, tmp_path)


def _asker(names: tuple[str, ...], bench: Bench, folder: Path) -> Asker:
    """As in the layer, but for the second in which a table has to answer: this machine is busy."""
    programs = folder / "programs"
    programs.mkdir()
    for name in names:
        path = shutil.which(name, path="/usr/bin:/bin")
        if path is None:
            pytest.skip(f"{name} is not installed where the sandbox shows it")
        (programs / name).symlink_to(path)
    home = folder / "home"
    home.mkdir()
    for name in ("ask.sh", "ask.cjs"):
        text = (bench.layer / "prefixwarm" / name).read_text()
        (home / name).write_text(text.replace("STATE_MS=1000", "STATE_MS=9000"))
    asker = Asker(bench, programs, home)
    asker.add("support")
    return asker


@pytest.fixture
def aws(bench: Bench) -> Iterator[SignedAws]:
    """The table and the keep-warm function."""
    with SignedAws(bench.aws) as running:
        yield running
        assert running.refusals == []


def test_a_cold_prefix_is_asked_for(asker: Asker, aws: SignedAws) -> None:
    """One read of the states, one invocation, one line, and the function goes on."""
    asked = asker.run(aws.url)
    assert [service for service, _ in aws.requests] == ["dynamodb", "lambda"]
    assert aws.asked() == [ASKED]
    assert (asked.signal, asked.status, asked.error) == ("next\n", 0, "")
    assert (asked.line["prefix"], asked.line["outcome"]) == ("support", "written")
    assert asked.line["decision"] == "held until the reply: how long a write takes is not known yet"
    assert (asked.line["function"], asked.line["initialization"]) == ("agent", "on-demand")


def test_a_warm_prefix_costs_one_read(asker: Asker, aws: SignedAws) -> None:
    """Nothing is asked for."""
    asker.put(asker.add("support")["support"], warm_until=time.time() + 600)
    asked = asker.run(aws.url)
    assert [service for service, _ in aws.requests] == ["dynamodb"]
    assert (asked.line["outcome"], asked.line["reason"]) == ("skipped", "warm")
    assert asked.signal == "next\n"


def test_prefixes_that_many_functions_share_can_be_read(asker: Asker, aws: SignedAws) -> None:
    """As many prefixes as are read at once, of a platform with hundreds of functions."""
    functions = ("agent", *(f"the-agent-of-one-of-many-teams-{number}" for number in range(300)))
    for call in asker.add(*(f"prefix-{number}" for number in range(20))).values():
        asker.put(call, functions, warm_until=time.time() + 600)
    asked = asker.run(aws.url)
    assert [line["reason"] for line in asked.lines] == ["warm"] * 20
    assert aws.asked() == []


def test_a_function_that_is_not_noted_asks_once(curl: Asker, aws: SignedAws) -> None:
    """Else nobody counts its invocations while its starts find the prefix warm."""
    call = curl.add("support")["support"]
    curl.put(call, ("agents", "b"), warm_until=time.time() + 600)
    asked = curl.run(aws.url)
    assert aws.asked() == [ASKED]
    assert asked.line["decision"] == "warm; its keep-warm function learns of this function"


def test_several_prefixes_are_one_read_and_one_request(asker: Asker, aws: SignedAws) -> None:
    """Of those that are cold, the first one and what requests were seen to use."""
    calls = asker.add("alpha", "beta", "gamma", "delta")
    asker.put(calls["beta"], matched_at=time.time() - 9000, warm_until=time.time() - 5000)
    asker.put(calls["delta"], warm_until=time.time() + 600.5)
    asked = asker.run(aws.url)
    assert [service for service, _ in aws.requests] == ["dynamodb", "lambda"]
    assert aws.asked()[0]["warm"] == ["alpha", "beta"]
    outcomes = {line["prefix"]: (line["outcome"], line["reason"]) for line in asked.lines}
    assert outcomes == {
        "alpha": ("written", ""),
        "beta": ("written", ""),
        "gamma": ("skipped", "no request was seen to use it; before that, alpha alone is warmed"),
        "delta": ("skipped", "warm"),
    }


def test_of_several_those_that_its_own_requests_use(curl: Asker, aws: SignedAws) -> None:
    """As with Python, where functions named themselves."""
    calls = curl.add("alpha", "beta", "gamma")
    for name, function in (("beta", "agents"), ("gamma", "agent")):
        item = curl.put(calls[name], matched_at=time.time() - 9000)
        item["used_by"] = {"SS": ["another", function]}
        curl.bench.dynamodb.put_item(TableName=TABLE, Item=item)
        state = state_of(item["pk"]["S"], item)
        assert state.is_used_by("agent") == (name == "gamma")
    curl.run(aws.url)
    assert aws.asked()[0]["warm"] == ["alpha", "gamma"]


def test_the_first_one_can_be_named(curl: Asker, aws: SignedAws) -> None:
    """As `attach(first=...)` names it."""
    curl.add("alpha", "beta")
    curl.run(aws.url, PREFIXWARM_FIRST="beta")
    assert aws.asked()[0]["warm"] == ["beta"]


def test_a_provisioned_start_that_nobody_observes_sends_nothing(
    curl: Asker, aws: SignedAws
) -> None:
    """As with Python: such environments start all day long, and no request may follow."""
    call = curl.add("support")["support"]
    asked = curl.run(aws.url, "provisioned-concurrency")
    assert asked.line["reason"].startswith("nothing may be spent on such a start")
    assert aws.asked() == []
    curl.put(call, matched_at=time.time() - 9000)
    assert curl.run(aws.url, "provisioned-concurrency").line["outcome"] == "written"


def test_what_starts_may_spend_is_said(curl: Asker, aws: SignedAws) -> None:
    """As `attach(init_usd_per_week=...)` sets it; what is no amount is refused."""
    curl.run(aws.url, PREFIXWARM_INIT_USD_PER_WEEK=" 0.25 ")
    curl.run(aws.url, PREFIXWARM_INIT_USD_PER_WEEK="1e-05", PREFIXWARM_INIT_HOLD_MS=" 08 ")
    assert aws.asked() == [{**ASKED, "usd_per_week": usd} for usd in (0.25, 0.00001)]
    asked = curl.run(aws.url, PREFIXWARM_INIT_USD_PER_WEEK="1,5")
    assert asked.line["reason"].startswith("PREFIXWARM_INIT_USD_PER_WEEK: write US dollars")
    assert len(aws.asked()) == 2


def test_always_asks_without_reading(curl: Asker, aws: SignedAws) -> None:
    """The mode that asks no state."""
    curl.add("alpha", "beta")
    curl.run(aws.url, PREFIXWARM_INIT="always", PREFIXWARM_TABLE="")
    assert [service for service, _ in aws.requests] == ["lambda"]
    assert aws.asked()[0]["warm"] == ["alpha", "beta"]


def test_a_back_off_is_not_asked_past(curl: Asker, aws: SignedAws) -> None:
    """Where it holds everybody; one caller's own fault holds that caller."""
    calls = curl.add("alpha", "beta")
    later = time.time() + 60
    curl.put(calls["alpha"], backoff_until=later, failures=3)
    curl.put(calls["beta"], backoff_until=later, backoff_of="agent", failures=1, matched_at=1)
    asked = curl.run(aws.url)
    assert aws.asked()[0]["warm"] == ["beta"]
    reasons = {line["prefix"]: line["reason"] for line in asked.lines}
    assert reasons["alpha"] == "backing off after 3 failed calls"


def test_what_the_function_says_is_passed_on(asker: Asker, bench: Bench) -> None:
    """Also text that has to be quoted, and failures, which it has counted itself."""
    reason = 'HTTP 429: "slow\\down" - später, {really}'
    with SignedAws(bench.aws, {"support": {"outcome": "failed", "reason": reason}}) as aws:
        asked = asker.run(aws.url)
    assert (asked.line["outcome"], asked.line["reason"]) == ("failed", reason)
    assert not any(name in asked.line for name in COUNTED)


def within_holds(run: Callable[[SignedAws, int], Asked], bench: Bench) -> Asked:
    """What came of a hold in which the function was asked and did not answer.

    A busy machine may need more of it for the way there.
    """
    for hold_ms in (400, 2000, 9000):
        with SignedAws(bench.aws, seconds=2 * hold_ms / 1000) as aws:
            asked = run(aws, hold_ms)
            if aws.asked():
                break
    return asked


def test_nobody_waits_beyond_the_hold(asker: Asker, bench: Bench) -> None:
    """The function goes on; what the keep-warm function began goes on, too."""
    asked = within_holds(lambda aws, hold_ms: asker.run(aws.url, hold_ms=hold_ms), bench)
    assert asked.signal == "next\n"
    assert "did not answer within the hold" in asked.line["reason"]


def test_a_busy_keep_warm_function_is_said(asker: Asker, bench: Bench, aws: SignedAws) -> None:
    """Whatever status comes back."""
    with FaultyServer(reply(429, {"Message": "Rate Exceeded."})) as server:
        asked = asker.run(aws.url, AWS_ENDPOINT_URL_LAMBDA=server.url)
    assert asked.line["reason"] == "the keep-warm function cannot be asked (status 429)"
    assert all(asked.line[name] == 1 for name in COUNTED)
    (directive,) = asked.line["_aws"]["CloudWatchMetrics"]
    assert [metric["Name"] for metric in directive["Metrics"]] == list(COUNTED)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            {"outcomes": [], "error": {"type": "UsageError", "message": 'no prefix "x"'}},
            'the keep-warm function refuses: no prefix "x"',
        ),
        (
            {"errorType": "StateError", "errorMessage": "...", "stackTrace": []},
            "the keep-warm function failed, or its answer is invalid: StateError",
        ),
        (
            {"outcomes": []},
            "the keep-warm function failed, or its answer is invalid",
        ),
    ],
)
def test_an_error_of_the_keep_warm_function_is_said(
    asker: Asker, aws: SignedAws, body: object, reason: str
) -> None:
    """Its own refusal in its words; of an exception the type."""
    with FaultyServer(reply(200, body)) as server:
        asked = asker.run(aws.url, AWS_ENDPOINT_URL_LAMBDA=server.url)
    assert (asked.line["outcome"], asked.line["reason"]) == ("failed", reason)


FAULTS: dict[str, Any] = {
    "reset": reset,
    "hang": hang,
    "drip": drip,
    "endless": endless,
    "garbage": send(b"hello"),
    "not JSON": reply(200, b"<html>"),
    "empty": reply(200, b""),
    "throttled": reply(400, {"__type": "x#ProvisionedThroughputExceededException"}),
    "500": reply(500, {"__type": "x#InternalServerError"}),
    "large": reply(200, b"{}" * 150_000),
    "odd": reply(200, {"Responses": [1, {"outcomes": [[]]}], "outcomes": "{}"}),
}


@pytest.mark.parametrize("place", ["DYNAMODB", "LAMBDA"])
@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_fails_the_function_goes_on(
    asker: Asker, aws: SignedAws, fault: str, place: str
) -> None:
    """One line says what happened, and nothing is written to standard error."""
    harmless = place == "DYNAMODB" and fault == "odd"  # no state is known: the function decides
    hold_ms = 9000 if harmless else 500
    with FaultyServer(FAULTS[fault]) as server:
        asked = asker.run(aws.url, hold_ms=hold_ms, **{f"AWS_ENDPOINT_URL_{place}": server.url})
    assert (asked.signal, asked.status, asked.error) == ("next\n", 0, "")
    assert asked.line["outcome"] == ("written" if harmless else "failed")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"PREFIXWARM_DISABLED": " Yes "}, "disabled by PREFIXWARM_DISABLED"),
        ({"PREFIXWARM_DISABLED": "maybe"}, "PREFIXWARM_DISABLED: write one of"),
        ({"PREFIXWARM_INIT": "OFF"}, "off by PREFIXWARM_INIT"),
        ({"PREFIXWARM_INIT": "sometimes"}, "PREFIXWARM_INIT: write one of"),
        ({"PREFIXWARM_ASK": "a b"}, "PREFIXWARM_ASK: write the name"),
        ({"PREFIXWARM_ASK": "$(touch MARK)"}, "PREFIXWARM_ASK: write the name"),
        ({"PREFIXWARM_TABLE": '"},{'}, "PREFIXWARM_TABLE: write the name"),
        ({"PREFIXWARM_TABLE": ""}, "PREFIXWARM_TABLE: write the name"),
        ({"PREFIXWARM_CACHE_SCOPE": "a/b"}, "PREFIXWARM_CACHE_SCOPE: write at most"),
        ({"AWS_REGION": ""}, "AWS_REGION is not set"),
        ({"AWS_REGION": "a[$(touch MARK)]"}, "AWS_REGION is not set"),
        ({"AWS_SECRET_ACCESS_KEY": ""}, "no AWS credentials"),
        ({"PREFIXWARM_PREFIXES": "/nowhere"}, "no compiled prefixes"),
        ({"PREFIXWARM_FIRST": '"},{'}, "PREFIXWARM_FIRST: write the name"),
        ({"PREFIXWARM_INIT_HOLD_MS": "3s"}, f"PREFIXWARM_INIT_HOLD_MS: {WHOLE} 9000"),
        ({"PREFIXWARM_INIT_HOLD_MS": "9001"}, f"PREFIXWARM_INIT_HOLD_MS: {WHOLE} 9000"),
        ({"PREFIXWARM_INIT_HINT_MS": "a[$(touch MARK)]"}, f"PREFIXWARM_INIT_HINT_MS: {WHOLE} 900"),
        ({"PREFIXWARM_INIT_HINT_MS": "1" * 30}, f"PREFIXWARM_INIT_HINT_MS: {WHOLE} 900000"),
        ({"PREFIXWARM_LATENCY_VALUE": "b[$(touch MARK)]"}, "PREFIXWARM_LATENCY_VALUE: write US"),
        ({"PREFIXWARM_LATENCY_VALUE": "-1"}, "PREFIXWARM_LATENCY_VALUE: write US dollars"),
        ({"PREFIXWARM_FIRST": KEY}, "PREFIXWARM_FIRST: is a key"),
        ({"PREFIXWARM_DEPLOYMENT": KEY}, "PREFIXWARM_DEPLOYMENT: is a key"),
    ],
)
def test_settings_are_checked_and_never_evaluated(
    curl: Asker, aws: SignedAws, settings: Mapping[str, str], reason: str
) -> None:
    """As the extension checks them; nothing is sent."""
    mark = curl.home / "mark"
    asked = curl.run(aws.url, **{k: v.replace("MARK", str(mark)) for k, v in settings.items()})
    assert asked.line["reason"].startswith(reason)
    assert KEY not in str(asked)
    assert aws.requests == []
    assert not mark.exists()


def test_blanks_around_a_setting_count_for_nothing(curl: Asker, aws: SignedAws) -> None:
    """As with Python; and a folder's name may hold them."""
    folder = curl.home / "own [*] prefixes"
    (curl.home / "prefixes").rename(folder)
    padded = {"TABLE": TABLE, "ASK": "keepwarm", "FIRST": "support", "INIT": "auto"}
    env = {f"PREFIXWARM_{name}": f" {text}\n" for name, text in padded.items()}
    curl.run(aws.url, PREFIXWARM_PREFIXES=f"{folder} ", **env)
    assert aws.asked() == [ASKED]


@pytest.mark.parametrize(
    "odd",
    [
        {"POSIXLY_CORRECT": "1", "BASH_COMPAT": "3.1", "LC_ALL": "C.UTF-8"},
        {"now_ms": "a[$(touch MARK)]", "decisions": "a", "folders": "b", "timed_out": "1"},
        {"NODE_OPTIONS": "--require=/nowhere.js", "NODE_PID": "1", "IFS": "e"},
        {
            "curl": "/nowhere",
            "node": "/nowhere",
            "reply": "x",
            "mode": "off",
            "names": "a",
            "keys": "b",
        },
        {"CURL_HOME": "HOME", "HOME": "HOME"},
    ],
)
def test_the_functions_environment_does_not_steer_it(
    asker: Asker, aws: SignedAws, odd: Mapping[str, str]
) -> None:
    """Variables may have any name, and a home may hold curl's own configuration."""
    (asker.home / ".curlrc").write_text('output = "stolen"\nuser-agent = "x"\n')
    mark = asker.home / "mark"
    call = asker.add("support")["support"]
    asker.put(call, write_ms=100, read_ms=50)
    named = {
        k: v.replace("MARK", str(mark)).replace("HOME", str(asker.home)) for k, v in odd.items()
    }
    asked = asker.run(aws.url, **named)
    assert asked.line["outcome"] == "written"
    assert not mark.exists()


def test_credentials_are_in_no_argument(curl: Asker, aws: SignedAws) -> None:
    """Every process of the environment can read arguments."""
    real = (curl.programs / "curl").resolve()
    (curl.programs / "curl").unlink()
    wrapper = curl.programs / "curl"
    wrapper.write_text(
        f'#!/bin/bash\nprintf "%s\\n" "$@" >>{curl.home}/arguments\nexec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    curl.run(aws.url)
    arguments = (curl.home / "arguments").read_text()
    assert len(aws.requests) == 2
    assert not any(text in arguments for text in (SECRET, TOKEN, "AKIDEXAMPLE", KEY))


def test_a_curl_that_cannot_sign_leaves_it_to_node(
    bench: Bench, aws: SignedAws, tmp_path: Path
) -> None:
    """It refuses an option that it does not know."""
    asker = _asker(PROGRAMS["both"], bench, tmp_path)
    _break_curl(asker)
    asked = asker.run(aws.url)
    assert (asked.line["outcome"], asked.error) == ("written", "")


def test_a_slow_answer_is_not_asked_for_twice(bench: Bench, tmp_path: Path) -> None:
    """Though Node.js could: each request is paid, and curl has sent it."""
    asker = _asker(PROGRAMS["both"], bench, tmp_path)

    def run(aws: SignedAws, hold_ms: int) -> Asked:
        asked = asker.run(aws.url, hold_ms=hold_ms)
        assert len(aws.asked()) <= 1
        return asked

    assert "did not answer within the hold" in within_holds(run, bench).line["reason"]


@pytest.mark.parametrize(
    "code", ["process.exit(9)", "process.stdin.destroy(); setTimeout(() => 0, 300)"]
)
def test_a_helper_that_ends_is_said(
    bench: Bench, aws: SignedAws, tmp_path: Path, code: str
) -> None:
    """In a line, not by a status of the shell."""
    asker = _asker(PROGRAMS["node"], bench, tmp_path)
    (asker.home / "ask.cjs").write_text(code)
    (asker.programs / "node").unlink()
    node = shutil.which("node", path="/usr/bin:/bin")
    # Its end comes before the request does.
    (asker.programs / "node").write_text(f"#!/bin/bash\nexec 0<&-; exec {node} $1")
    (asker.programs / "node").chmod(0o755)
    shell = asker.home / "ask.sh"
    late = 'coproc NODE { exec "$node" "$home/ask.cjs" 2>/dev/null; }; } 2>/dev/null'
    assert late in shell.read_text()
    shell.write_text(shell.read_text().replace(late, f"{late}; read -r -t 0.2 <> <(:)"))
    asked = asker.run(aws.url, hold_ms=500)
    assert (asked.signal, asked.status, asked.error) == ("next\n", 0, "")
    assert asked.line["reason"].startswith("the warm state cannot be read")


@pytest.mark.parametrize("answer", ["200", "200 500", "200 30\\n{", "200 200000\\n{"])
def test_a_part_of_a_reply_is_none(
    bench: Bench, aws: SignedAws, tmp_path: Path, answer: str
) -> None:
    """It holds some of the states: the others would count as prefixes that nobody has warmed."""
    asker = _asker(PROGRAMS["node"], bench, tmp_path)
    (asker.home / "ask.cjs").write_text(
        "process.stdin.on('data', () => process.stdout.write("
        f"'{answer}' + ({len(answer) > 12} ? ' '.repeat(100000) : '')))"
    )
    asked = asker.run(aws.url, hold_ms=500)
    assert (asked.signal, asked.status, asked.error) == ("next\n", 0, "")
    assert asked.line["reason"].startswith("the warm state cannot be read")


@pytest.mark.parametrize("ends", ["when the time is up", "by a signal"])
def test_a_read_that_ends_early_leaves_nothing_to_the_next(curl: Asker, ends: str) -> None:
    """Bash keeps what it had buffered, and its next read, of the clock, would return that."""
    signal = "{ sleep 0.3; kill -TERM $$; } & " if ends == "by a signal" else ""
    script = f"""source {curl.home}/ask.sh
    began_ms=0
    trap 'held; echo $held_ms; exit' TERM
    exec 4< <(while printf %04096d 0; do :; done 2>/dev/null)
    {signal}read_bytes 399999999 0.5 4
    held; echo $held_ms"""
    for _ in range(5):
        done = subprocess.run(["bash", "-pc", script], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.strip().isdecimal()


def test_a_machine_that_has_just_started_is_no_octal_number(curl: Asker) -> None:
    """Some hundredths of a second after its start, and where nobody says when that was."""
    script = f"""source {curl.home}/ask.sh
    began_ms=0
    read() {{ printf -v "$2" %s "$now"; }}
    for now in 0.08 0.98 12345.09; do held; echo $held_ms; done
    unset -f read
    eval "$(declare -f uptime | sed s,/proc/uptime,/nowhere,)"
    held; echo $held_ms"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["80", "980", "12345090", "12345090"]
    assert done.stderr == ""


def test_where_nothing_can_sign_it_says_so(curl: Asker, aws: SignedAws) -> None:
    """Once, and the function goes on."""
    _break_curl(curl)
    asked = curl.run(aws.url)
    assert asked.signal == "next\n"
    assert "cannot be read" in asked.line["reason"]
    (curl.programs / "curl").unlink()
    asked = curl.run(aws.url)
    assert asked.line["outcome"] == "skipped"
    assert asked.line["reason"].startswith("neither Python nor curl nor Node.js here")


def _break_curl(asker: Asker) -> None:
    (asker.programs / "curl").unlink()
    (asker.programs / "curl").write_text("#!/bin/bash\nexit 2\n")
    (asker.programs / "curl").chmod(0o755)


HEADS: list[bytes] = [
    b"",
    b"\n",
    b"{}\n{}",
    b"\x00\xff" * 99,
    b"{}",
    b'{"format":"prefixwarm-warm/2","name":"a","route":"anthropic","model":"m","fingerprint":"sha256:1"}\n',
    b'{"format":"prefixwarm-warm/1","name":"$(id)","route":"anthropic","model":"m","fingerprint":"sha256:1"}\n',
]


@pytest.mark.parametrize("head", HEADS)
def test_a_broken_prefix_stops_none_of_its_neighbours(
    curl: Asker, aws: SignedAws, head: bytes
) -> None:
    """It is said, and the others are asked for."""
    (curl.home / "prefixes" / "broken.warm").write_bytes(head)
    asked = curl.run(aws.url)
    assert aws.asked() == [ASKED]
    assert asked.lines[-1]["outcome"] == "written"
    assert asked.error == ""


def test_a_prefix_that_is_there_twice_is_one(curl: Asker, aws: SignedAws) -> None:
    """In the layer and in the function's own code: a table refuses to read a key twice at once."""
    shutil.copytree(curl.home / "prefixes", curl.home / "task" / "prefixes")
    asked = curl.run(aws.url, LAMBDA_TASK_ROOT=str(curl.home / "task"))
    assert aws.asked() == [ASKED]
    assert asked.line["outcome"] == "written"


def test_what_only_python_can_compile_is_said(curl: Asker, aws: SignedAws) -> None:
    """A prefix file in the function's own code, as functions with Python may have it."""
    shutil.rmtree(curl.home / "prefixes")
    (curl.home / "task").mkdir()
    (curl.home / "files").rename(curl.home / "task" / "prefixes")
    asked = curl.run(aws.url, LAMBDA_TASK_ROOT=str(curl.home / "task"))
    assert aws.requests == []
    assert asked.line["outcome"] == "failed"
    assert "is not compiled" in asked.line["reason"]
    assert asked.signal == "next\n"


# Rounded to another side, or some milliseconds later.
DECIMALS = re.compile(r"\d\.\d+")
KINDS = ("on-demand", "provisioned-concurrency")


@pytest.mark.parametrize("seed", range(24))
def test_it_decides_as_the_extension_does(curl: Asker, aws: SignedAws, seed: int) -> None:
    """For the same state and settings: whether a start waits, and why."""
    draw = random.Random(seed)
    call = curl.add("support")["support"]
    attributes = {
        "write_ms": draw.choice([400, 900, 2400, 5000]),
        "read_ms": draw.choice([200, 800]),
    }
    if not draw.randrange(4):
        attributes = {}
    hint = draw.choice(["", "150", "600", "2000"])
    value = draw.choice(["0", "0.0001", "0.01", "2"])
    env = {
        "PREFIXWARM_INIT_HOLD_MS": "9000",
        "PREFIXWARM_INIT_HINT_MS": hint,
        "PREFIXWARM_LATENCY_VALUE": value,
    }
    item = curl.put(call, matched_at=1, **attributes)
    kind = draw.choice(KINDS)
    asked = curl.run(aws.url, kind, 9000, **env)
    settings = Settings.from_environment({"PREFIXWARM_TABLE": TABLE, **env})
    start = start_of(settings, kind, 9.0)
    state = state_of(item["pk"]["S"], item)
    # At the latest when it is said, at the earliest at once.
    times = (0.0, asked.line["held_ms"] / 1000)
    expected = [decide(settings, start, state, call, held) for held in times]
    assert bool(aws.asked()) in [decision.send for decision in expected]
    logged = asked.line["decision"] if aws.asked() else asked.line["reason"]
    assert any(DECIMALS.sub("", logged) == DECIMALS.sub("", decision.why) for decision in expected)


def test_endpoints_are_those_of_the_extension(curl: Asker) -> None:
    """In every region that AWS's SDK knows, and with its overrides."""
    session = botocore.session.get_session()
    regions = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("dynamodb", partition)
    ]
    settings: list[dict[str, str]] = [{"AWS_REGION": region} for region in regions]
    overrides = {"AWS_ENDPOINT_URL": "http://a/", "AWS_ENDPOINT_URL_LAMBDA": "http://b"}
    settings += [
        {"AWS_REGION": "us-east-1", **overrides},
        {"AWS_REGION": "us-east-1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE", **overrides},
        {"AWS_REGION": "us-gov-west-1", "AWS_USE_FIPS_ENDPOINT": "true"},
    ]
    services = ("dynamodb", "lambda")
    lines = [f"source {curl.home}/ask.sh"]
    for env in settings:
        assigned = " ".join(f"{name}={shlex.quote(text)}" for name, text in env.items())
        lines += [f"({assigned}; region=$AWS_REGION; endpoint {s}; echo $url)" for s in services]
    script = "\n".join(lines)
    done = subprocess.run(
        ["bash", "-c", script], env={}, capture_output=True, text=True, check=True
    )
    expected = [endpoint(s, env["AWS_REGION"], env) for env in settings for s in services]
    assert done.stdout.splitlines() == expected
