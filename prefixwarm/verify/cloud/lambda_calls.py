"""Invokes functions, and makes Lambda start new environments for them."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from prefixwarm.local.local_http import parsed
from prefixwarm.verify.cloud.report_line import Report

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.verify.cloud.aws_access import AwsAccess

_T = TypeVar("_T")

# A change of a variable is what makes Lambda start anew; nobody reads this one.
_VARIABLE = "VERIFY_START"
# For Lambda to have taken over a new function, or a change of one.
WAIT = {"Delay": 1, "MaxAttempts": 180}
_TRIES = 3
_LOG_SECONDS = 90.0


@dataclass(frozen=True)
class Invoked:
    """What an invocation answered.

    Parameters
    ----------
    value
        The function's value, or Lambda's error.
    failed
        Whether the function failed.
    log
        The last 4 KB of the invocation's log.
    """

    value: Any
    failed: bool
    log: str

    @property
    def report(self) -> Report:
        """Its REPORT line."""
        return Report.of(self.log)


class LambdaCalls:
    """Lambda in one account."""

    def __init__(self, access: AwsAccess) -> None:
        self._lambda = access.client("lambda")
        self._logs = access.client("logs")
        self._starts = 0

    def invoke(self, function: str, event: object, qualifier: str = "$LATEST") -> Invoked:
        """Invoke a function and wait for its answer; botocore's errors pass."""
        answer = self._lambda.invoke(
            FunctionName=function,
            Qualifier=qualifier,
            LogType="Tail",
            Payload=json.dumps(event).encode(),
        )
        payload = answer["Payload"].read()
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        return Invoked(parsed(payload or b"null"), "FunctionError" in answer, log)

    def renew(self, function: str) -> None:
        """End a function's environments: its next invocation starts a new one.

        Lambda keeps none that were made with other variables than the function has.
        """
        self._starts += 1
        settings = self._lambda.get_function_configuration(FunctionName=function)
        variables = settings.get("Environment", {}).get("Variables", {})
        variables[_VARIABLE] = f"{time.time_ns()}-{self._starts}"
        self._lambda.update_function_configuration(
            FunctionName=function, Environment={"Variables": variables}
        )
        self.await_change(function)

    def await_change(self, function: str) -> None:
        """Wait until Lambda has taken a change over."""
        waiter = self._lambda.get_waiter("function_updated_v2")
        waiter.wait(FunctionName=function, WaiterConfig=WAIT)

    def cold_start(self, function: str, event: object) -> float | None:
        """Start a function anew; return the milliseconds of its init phase.

        None where Lambda answers from an environment that it had.

        Some requests still go to an old environment just after a change, and Lambda may have begun
        a new one ahead of them: such answers have no init phase, so it is tried again.
        """
        for _ in range(_TRIES):
            self.renew(function)
            init_ms = self.invoke(function, event).report.init_ms
            if init_ms is not None:
                return init_ms
        return None

    def log(self, function: str) -> str:
        """What a function and its extensions have logged; empty where it has no log yet.

        Lines arrive seconds after they are written. The tail of an invocation's log need not have
        those of extensions.
        """
        settings = self._lambda.get_function_configuration(FunctionName=function)
        group = settings.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        try:
            return "\n".join(event["message"] for page in pages for event in page["events"])
        except self._logs.exceptions.ResourceNotFoundException:
            return ""

    def logged(self, function: str, select: Callable[[str], list[_T]], enough: int = 1) -> list[_T]:
        """What `select` selects from that log, once there is enough of it or time is over."""
        end = time.monotonic() + _LOG_SECONDS
        while True:
            selected = select(self.log(function))
            if len(selected) >= enough or time.monotonic() > end:
                return selected
            time.sleep(3)
