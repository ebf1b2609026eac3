"""Checks a deployment: function, schedule, kill switch, table, prefixes, observation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefixwarm.attach.aws_errors import aws_errors, is_missing
from prefixwarm.boto_replies import text_in
from prefixwarm.doctor.diagnosis import error, ok, unknown, warning
from prefixwarm.errors import PrefixwarmError, SettingsError
from prefixwarm.keepwarm.kill_switch import stopped
from prefixwarm.keepwarm.s3 import Bucket, split_url
from prefixwarm.prefix import manifest
from prefixwarm.settings import MANIFEST, TABLE, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import boto3

    from prefixwarm.attach.deployed import KeepWarmConfiguration
    from prefixwarm.doctor.diagnosis import Diagnosis
    from prefixwarm.prefix.file_form import PrefixFile
    from prefixwarm.state.warm_state import State

_LATE_SECONDS = 300.0
_SHOWN = 5


@dataclass(frozen=True)
class Deployment:
    """Checks a deployed keep-warm function."""

    function: KeepWarmConfiguration
    session: boto3.Session
    states: Sequence[State]
    now: float

    def diagnoses(self, files: Sequence[PrefixFile]) -> Iterator[Diagnosis]:
        """Run all checks; report those that cannot run and go on."""
        yield ok("function", self.function.name)
        for name, check in (
            ("kill switch", self._switch),
            ("schedule", self._schedule),
            ("table", self._table),
        ):
            yield _asked(name, check)
        yield self._ticks()
        yield from self._prefixes(files)
        yield self._observed()

    def _switch(self) -> Diagnosis:
        settings = Settings.from_environment(self.function.environment)
        reason = stopped(settings, self.session.client("ssm"))
        if reason:
            return warning("kill switch", reason, "nothing is kept warm until you switch it on")
        return ok("kill switch", "off")

    def _schedule(self) -> Diagnosis:
        client = self.session.client("scheduler")
        with aws_errors("schedules"):
            pages = client.get_paginator("list_schedules").paginate()
            own = [schedule for schedule in pages.search("Schedules[]") if self._starts(schedule)]
            names = ", ".join(text_in(schedule, "Name") for schedule in own)
        if not own:
            remedy = "deploy the stack again, or find out who deleted it"
            return error("schedule", f"no schedule starts {self.function.name}", remedy)
        if all(schedule.get("State") == "DISABLED" for schedule in own):
            return warning("schedule", f"{names} is disabled", "enable it: there are no ticks")
        return ok("schedule", names)

    def _starts(self, schedule: dict[str, Any]) -> bool:
        target = str(schedule.get("Target", {}).get("Arn", ""))
        return target == self.function.arn or target.startswith(f"{self.function.arn}:")

    def _table(self) -> Diagnosis:
        name = self.function.environment.get(TABLE, "")
        try:
            with aws_errors(f"table {name}"):
                client = self.session.client("dynamodb")
                table = client.describe_table(TableName=name)["Table"]
                indexes = [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", ())]
                own = table["KeySchema"][0]["AttributeName"] == "pk" and "due" in indexes
                status = table["TableStatus"].lower()
        except PrefixwarmError as problem:
            if problem.__cause__ is not None and is_missing(problem.__cause__):
                return error("table", f"{name} does not exist", "deploy the stack again")
            raise
        if not own:
            return error("table", f"{name} is not a table of warm states", "see docs/deploy.md")
        return ok("table", f"{name}, {status}")

    def _ticks(self) -> Diagnosis:
        due = [state.last_decision.due_at for state in self.states if state.last_decision.due_at]
        if not due:
            return unknown("ticks", "no prefix has a next check yet", "wait for the first tick")
        late = self.now - min(due)
        if late > _LATE_SECONDS:
            remedy = "see the keep-warm function's log"
            return error("ticks", f"a check is {late / 60:.0f} min overdue", remedy)
        return ok("ticks", f"nothing is overdue among {len(self.states)} states")

    def _prefixes(self, files: Sequence[PrefixFile]) -> Iterator[Diagnosis]:
        if not files:
            yield unknown("prefixes", "no prefix files were given", "name them to compare")
            return
        try:
            deployed = self._manifest()
        except PrefixwarmError as problem:
            yield unknown("prefixes", str(problem))
            return
        entries = {entry.name: entry for entry in deployed.entries}
        for file in files:
            entry = entries.get(file.name)
            if entry is None:
                yield error("prefixes", f"{file.name} is not deployed", "deploy the stack")
            elif entry.fingerprint and entry.fingerprint != file.fingerprint["prefix"]:
                detail = f"{file.name} differs from the deployed version"
                yield warning("prefixes", detail, "deploy the stack, or capture again")
            else:
                yield ok("prefixes", f"{file.name} matches the deployed version")

    def _manifest(self) -> manifest.Manifest:
        name, key = split_url(self.function.environment.get(MANIFEST))
        with aws_errors("S3"):
            bucket = Bucket(self.session.client("s3"), name)
        return manifest.parse(bucket.read(key), bucket.url(key))

    def _observed(self) -> Diagnosis:
        blind = sorted({s.name for s in self.states if s.traffic.matched_at is None and s.name})
        if not self.states:
            return unknown("observation", "no prefix has a state yet")
        if not blind:
            return ok("observation", "requests are observed")
        names = ", ".join(blind[:_SHOWN]) + (" ..." if len(blind) > _SHOWN else "")
        return warning(
            "observation",
            f"no request has reported on {names}",
            "add prefixwarm.observe to the agent (docs/capture.md): savings and drift are unknown",
        )


def _asked(check: str, ask: Callable[[], Diagnosis]) -> Diagnosis:
    try:
        return ask()
    except SettingsError as problem:
        return error(check, str(problem), "correct the setting, and deploy again")
    except PrefixwarmError as problem:
        return unknown(check, str(problem))
