"""The doctor against a deployment on the local AWS API, whole and broken in each way."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.prefix.manifest import Entry, Manifest
from prefixwarm.prefix.prefix_file import load, write
from prefixwarm.state.keepwarm_model import Registration
from prefixwarm.state.store import StateStore
from prefixwarm.state.table_call import signed_calls
from prefixwarm.warm.connections import connect
from prefixwarm.wire.deadline import Deadline
from prefixwarm_layer.layout import KEEPWARM_HANDLER
from tests.helpers.prefixes import make_prefix
from tests.helpers.state_table import create_state_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROLE = "arn:aws:iam::123456789012:role/any"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:keep-warm"


@pytest.fixture(scope="module")
def local_aws() -> Iterator[LocalAws]:
    """The AWS API on this machine."""
    with LocalAws() as aws:
        yield aws


def request(text: str) -> dict[str, Any]:
    """An agent's request."""
    block = {"type": "text", "text": text * 400, "cache_control": {"type": "ephemeral"}}
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "system": [block],
        "messages": [{"role": "user", "content": "hello"}],
    }


class Deployed:
    """A deployment's parts, made one by one."""

    def __init__(self, aws: LocalAws, folder: Path) -> None:
        self.aws = aws
        self.file = write(make_prefix("support", request("You are a helper. ")), folder)
        aws.reset()
        create_state_table(aws, "states")
        self._bucket()
        self.function(PREFIXWARM_TABLE="states", PREFIXWARM_MANIFEST="s3://bucket/manifest.json")
        self.schedule("ENABLED")

    def _bucket(self) -> None:
        entry = Entry.of(load(self.file), "support.prefix.json")
        client = self.aws.client("s3")
        client.create_bucket(Bucket="bucket")
        text = Manifest((entry,)).to_json().encode()
        client.put_object(Bucket="bucket", Key="manifest.json", Body=text)

    def function(self, **variables: str) -> None:
        """The keep-warm function, with these settings."""
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("x.py", "")
        client = self.aws.client("lambda")
        existing = [one["FunctionName"] for one in client.list_functions()["Functions"]]
        if "keep-warm" in existing:
            client.delete_function(FunctionName="keep-warm")
        client.create_function(
            FunctionName="keep-warm",
            Handler=KEEPWARM_HANDLER,
            Runtime="python3.13",
            Role=ROLE,
            Code={"ZipFile": code.getvalue()},
            Environment={"Variables": variables},
        )

    def schedule(self, state: str) -> None:
        """What starts it."""
        client = self.aws.client("scheduler")
        for one in client.list_schedules()["Schedules"]:
            client.delete_schedule(Name=one["Name"])
        if state:
            client.create_schedule(
                Name="tick",
                ScheduleExpression="rate(1 hour)",
                State=state,
                FlexibleTimeWindow={"Mode": "OFF"},
                Target={"Arn": ARN, "RoleArn": ROLE},
            )

    def state(self, due_at: float) -> None:
        """The prefix's warm state, as the first tick makes it."""
        environ = {**self.aws.environment(), "PREFIXWARM_TABLE": "states"}
        connected = connect(environ)
        store = StateStore("states", signed_calls(connected.aws))
        key = Entry.of(load(self.file), "").key("default", environ)
        assert key is not None
        registration = Registration(name="support", at=due_at, due_at=due_at)
        store.register(key, registration, Deadline.after(60))
        connected.transport.close()


@pytest.fixture
def deployed(local_aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """A whole one; commands find it by the environment."""
    for name, text in local_aws.environment().items():
        monkeypatch.setenv(name, text)
    monkeypatch.chdir(tmp_path)
    return Deployed(local_aws, tmp_path)


def checks(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    """The doctor's exit code, and each check by its name."""
    code = run(["doctor", "--keep-warm", "keep-warm", "--json", *map(str, arguments)])
    diagnoses = json.loads(capsys.readouterr().out)["checks"]
    return code, {one["check"]: one for one in diagnoses}


def test_a_whole_deployment(deployed: Deployed, capsys: Any) -> None:
    """Everything is well but that nobody observes."""
    deployed.state(time.time() + 3600)
    code, diagnoses = checks(capsys, deployed.file)
    levels = {name: one["level"] for name, one in diagnoses.items()}
    assert code == 0
    assert levels.pop("observation") == "warning"
    assert levels.pop("cdk") == "unknown"
    assert set(levels) == {
        *("python", "extras", "region", "credentials", "clock", "function"),
        *("kill switch", "schedule", "table", "ticks", "prefixes"),
    }
    assert set(levels.values()) == {"ok"}


def test_what_is_broken_is_said_with_a_remedy(deployed: Deployed, capsys: Any) -> None:
    """No schedule, a check overdue, and another prompt than what is deployed."""
    deployed.schedule("")
    deployed.state(time.time() - 3600)
    other = make_prefix("support", request("You are a clerk. "))
    path = write(other, deployed.file.parent / "new")
    code, diagnoses = checks(capsys, path)
    assert code == 1
    assert {name for name, one in diagnoses.items() if one["level"] == "error"} == {
        "schedule",
        "ticks",
    }
    assert diagnoses["prefixes"]["detail"] == "support differs from the deployed version"
    assert all(one["remedy"] for one in diagnoses.values() if one["level"] in ("error", "warning"))


def test_switches_are_warnings(deployed: Deployed, capsys: Any) -> None:
    """Whoever switched it off may have meant it."""
    deployed.schedule("DISABLED")
    deployed.function(PREFIXWARM_TABLE="states", PREFIXWARM_DISABLED="1")
    code, diagnoses = checks(capsys)
    assert (code, diagnoses["kill switch"]["level"]) == (0, "warning")
    assert diagnoses["schedule"]["detail"] == "tick is disabled"


def test_one_thing_that_is_missing_hides_nothing_else(deployed: Deployed, capsys: Any) -> None:
    """The table is gone, a setting is no yes or no, and the manifest is elsewhere."""
    deployed.function(
        PREFIXWARM_TABLE="gone", PREFIXWARM_DISABLED="maybe", PREFIXWARM_MANIFEST="s3://no/no"
    )
    code, diagnoses = checks(capsys, deployed.file)
    assert code == 1
    assert diagnoses["table"]["detail"] == "gone does not exist"
    assert diagnoses["kill switch"]["level"] == "error"
    assert diagnoses["prefixes"]["level"] == "unknown"
    assert diagnoses["schedule"]["level"] == "ok"


def test_an_app_without_a_flag(deployed: Deployed, capsys: Any) -> None:
    """Its context is read, and a broken one is said."""
    (deployed.file.parent / "cdk.json").write_text("{}")
    assert checks(capsys)[1]["cdk flags"]["level"] == "warning"
    (deployed.file.parent / "cdk.json").write_text("[")
    code, diagnoses = checks(capsys)
    assert (code, diagnoses["cdk flags"]["level"]) == (1, "error")


def test_a_function_that_is_none_of_ours(deployed: Deployed, capsys: Any) -> None:
    """Is no deployment."""
    code = run(["doctor", "--keep-warm", "nobody", "--json"])
    diagnoses = json.loads(capsys.readouterr().out)["checks"]
    assert (code, diagnoses[-1]["check"], diagnoses[-1]["level"]) == (1, "deployment", "error")
