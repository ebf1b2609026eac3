"""What is read from AWS's answers, what a run costs, and what its name covers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.errors import UsageError
from prefixwarm.verify.cloud.environment_end import ended
from prefixwarm.verify.cloud.log_lines import init_outcomes, json_lines, probe_lines
from prefixwarm.verify.cloud.probe_functions import PROBES
from prefixwarm.verify.cloud.report_line import Report, percentile
from prefixwarm.verify.cloud.run_name import RunName
from prefixwarm.verify.cloud.runtime_file_systems import PROGRAMS, RUNTIMES
from prefixwarm.verify.cloud.start_pairs import StartPairs
from prefixwarm.verify.cloud.verification import Verification
from prefixwarm.verify.cloud.verification_plan import PARTS, VerificationPlan
from prefixwarm.verify.verify_on_aws import _show, verify_on_aws

ROOT = Path(__file__).parents[3]

# As https://docs.aws.amazon.com/lambda/latest/dg/ has it: python-logging, snapstart-monitoring.
COLD = (
    "START RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95 Version: $LATEST\n"
    "END RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\n"
    "REPORT RequestId: 8f507cfc-xmpl-4697-b07a-ac58fc914c95\tDuration: 15.74 ms\t"
    "Billed Duration: 147 ms\tMemory Size: 128 MB\tMax Memory Used: 56 MB\t"
    "Init Duration: 130.49 ms\t\n"
    "XRAY TraceId: 1-5e34a614-10bdxmplf1fb44f07bc535a1\tSegmentId: 07f5xmpl\tSampled: true\n"
)
RESTORED = (
    "RESTORE_START Runtime Version: java:11.v15\n"
    "RESTORE_REPORT Restore Duration: 1.19 ms\n"
    "REPORT RequestId: xmpl\tDuration: 9.87 ms\tBilled Duration: 10 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 60 MB\tRestore Duration: 441.62 ms\tBilled Restore Duration: 88 ms\t\n"
)
WARM = "REPORT RequestId: x\tDuration: 2 ms\tBilled Duration: 3 ms\tMemory Size: 1 MB\t\n"


def test_the_report_line() -> None:
    assert Report.of(COLD) == Report(130.49, None)
    assert Report.of(RESTORED) == Report(None, 441.62)
    assert Report.of(COLD + WARM) == Report(None, None)


@pytest.mark.parametrize("log", ["", "REPORT", "REPORT RequestId:", "REPORT RequestId: 1\tx: ms"])
def test_a_log_without_one(log: str) -> None:
    assert Report.of(log) == Report()


def test_percentiles() -> None:
    values = [float(value) for value in range(100, -1, -1)]
    assert [percentile(values, share) for share in (0, 0.5, 0.9, 0.99, 1)] == [0, 50, 90, 99, 100]
    assert percentile([3.0], 0.99) == 3
    assert percentile([1.0, 2.0], 0.5) == 1.5


def test_pairs_are_compared_pair_by_pair() -> None:
    """A slow moment hits both of a pair, and the difference does not see it."""
    document = StartPairs([100, 900, 110], [120, 921, 130], skipped=1).document()
    assert document["init_ms"]["added"] == {"p50": 20.0, "p90": 20.8, "p99": 21.0}
    assert document["init_ms"]["with"]["p50"] == 130
    assert (document["pairs"], document["skipped_pairs"]) == (3, 1)


def test_lines_of_a_probe_in_a_log_of_others() -> None:
    log = '2026 INFO {"probe":"shutdown","saw":"SIGTERM"} \nx{\n{"probe":"shutdown"\n[1]\n{"a":1}\n'
    assert probe_lines(log, "shutdown") == [{"probe": "shutdown", "saw": "SIGTERM"}]
    assert json_lines(log)[-1] == {"a": 1}


def test_how_environments_end() -> None:
    seen = ["registered", "SHUTDOWN spindown", "registered", "SHUTDOWN timeout", "SIGTERM"]
    assert ended(seen) == {
        "environments": 2,
        "events": ["spindown", "timeout"],
        "signals": ["SIGTERM"],
    }


def test_what_the_layer_logged() -> None:
    line = {"by": "init", "outcome": "skipped", "reason": "warm", "initialization": "restored"}
    other = {**line, "initialization": "snap-start"}
    log = f"{json.dumps(line)}\n{json.dumps(other)}\n"
    assert init_outcomes(log, "restored") == ["skipped: warm"]
    assert len(init_outcomes(log)) == 2


def plan(**changes: Any) -> VerificationPlan:
    defaults: dict[str, Any] = {
        "parts": PARTS,
        "starts": 25,
        "questions": 4,
        "runtimes": RUNTIMES,
        "python": "3.13",
    }
    return VerificationPlan(**{**defaults, **changes})


def test_a_run_costs_cents() -> None:
    assert 0.01 < plan().check() < 0.10
    assert "model calls" not in plan().charges()
    assert plan(parts=("runtimes",)).check() < 0.01
    assert not plan(parts=("runtimes", "shutdown")).deploys


def test_real_model_calls_are_part_of_the_cost() -> None:
    paid = plan(key_secret="arn:aws:secretsmanager:us-east-1:1:secret:k")
    assert not paid.has_stub
    assert 0.1 < paid.check() < 1
    assert paid.check() - plan().check() == pytest.approx(paid.charges()["model calls"])


def test_what_costs_more_than_a_dollar_is_refused() -> None:
    with pytest.raises(UsageError, match="would cost up to"):
        plan(key_secret="arn", questions=40).check()


@pytest.mark.parametrize("text", ["", "pwverify-", "prod", "pwverify-0f3a99c1-Agent", "pwverify-*"])
def test_nothing_is_removed_by_another_name(text: str) -> None:
    with pytest.raises(UsageError, match="no run has such a name"):
        RunName.parse(text)


def test_names_of_runs() -> None:
    name = RunName.new()
    assert RunName.parse(name.text) == name != RunName.new()
    assert name.of("python3.14") == f"{name.text}-python314"
    # CloudFormation names a function of a stack by at least so much of the stack's name.
    assert len(name.text) <= 24


@pytest.mark.parametrize("shell", ["sh", "bash", "dash"])
def test_the_file_systems_probe_in_any_shell(shell: str, tmp_path: Path) -> None:
    """Also where there is no bash; what is there is a pair each."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} here")
    for name in ("tr", "python3", "curl"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    done = subprocess.run(
        [program, str(PROBES / "file_system.sh")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    (line,) = probe_lines(done.stdout, "file-system")
    assert "bash" not in line
    assert "node" not in line
    assert re.fullmatch(r"curl \d+\.\d+\.\d+", line["curl"])
    assert line["signs"] == "yes"
    assert re.match(r"Python 3\.\d+\.\d+ ", line["python3"])
    assert done.returncode == 0


def test_what_is_printed_for_people(capsys: Any) -> None:
    """All parts, and those that failed."""
    name = RunName("pwverify-0f3a99c1")
    shown = Verification(cast("Any", None), name, plan(), lambda _: None)
    shown.results = {
        "starts": StartPairs([100.0, 110.0], [120.0, 131.0], 1, {"skipped: warm": 2}).document(),
        "observations": {"sent": 4, "arrived": 3, "seconds": 180},
        "runtimes": [
            {"runtime": "java21", **dict.fromkeys(PROGRAMS), "bash": "5.2"},
            {"runtime": "python3.10", "problem": "The runtime is no longer supported"},
        ],
        "snapstart": {"starts": 3, "restore_ms": [441.6], "p50": 441.6, "hook": []},
    }
    shown.problems = {"shutdown": "shutdown: AccessDeniedException: no"}
    _show(shown)
    out = capsys.readouterr().out
    assert re.search(r"^without the layer +105(\.0)? +109(\.0)? +109\.9$", out, re.M)
    assert re.search(r"^added, pair by pair +20\.5 +20\.9 +21(\.0)?$", out, re.M)
    assert "1 pairs did not start cold" in out
    assert "the layer logged 2 times: skipped: warm" in out
    assert "observations: 3 of 4 requests arrived" in out
    assert re.search(r"^java21 +5\.2 +- +- +- +- +-$", out, re.M)
    assert "python3.10  The runtime is no longer supported" in out
    assert "3 starts: restored in 442 ms" in out
    assert "the layer's hook after the restore: it did not run" in out
    assert "shutdown: failed: shutdown: AccessDeniedException: no" in out


@pytest.mark.parametrize("module", ["verify_provider", "verify_on_aws"])
def test_the_scripts_run_their_commands(module: str) -> None:
    script = ROOT / "scripts" / module.replace("_", "-")
    assert f"-m prefixwarm.verify.{module} " in script.read_text()
    assert script.stat().st_mode & 0o111
    done = subprocess.run(
        [sys.executable, "-m", f"prefixwarm.verify.{module}", "-h"], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert f"Usage: {script.name} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runtime=cobol"], "--runtime cobol: name one that begins with python"),
        (["--remove=prod"], "no run has such a name"),
        (["--only=moon"], "moon"),
        (["--starts=0"], "--starts"),
    ],
)
def test_bad_input_is_one_line_before_aws_is_asked(
    arguments: list[str], message: str, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert run(arguments, verify_on_aws, "verify-on-aws") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("verify-on-aws: ")
    assert message in line
