"""How many observations of requests arrive in the table of those that an agent sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import DeploymentError

if TYPE_CHECKING:
    from prefixwarm.verify.cloud.aws_access import AwsAccess
    from prefixwarm.verify.cloud.lambda_calls import LambdaCalls

# What an environment has not reported for a minute is reported when it ends.
_SECONDS = 180.0
_EVERY = 3.0
# Beside the states the table holds ledgers by day.
_STATES = "state/"


def measure(
    access: AwsAccess, calls: LambdaCalls, agent: str, table: str, question: object, count: int
) -> dict[str, Any]:
    """Ask the observed agent so many questions, each of a new environment, and read the table.

    Returns
    -------
    dict
        ``sent`` model calls, ``arrived`` observations, and ``seconds`` until the last of them.

    Raises
    ------
    DeploymentError
        When the agent fails.
    """
    before, sent = _arrived(access, table), 0
    for _ in range(count):
        calls.renew(agent)
        answer = calls.invoke(agent, question)
        if answer.failed:
            raise DeploymentError(f"the observed agent failed: {str(answer.value)[:200]}")
        sent += int(answer.value["turns"])
    calls.renew(agent)
    # The environments end when the next one starts, and report what is left.
    calls.invoke(agent, {})
    began = time.monotonic()
    while (arrived := _arrived(access, table) - before) < sent:
        if time.monotonic() - began > _SECONDS:
            break
        time.sleep(_EVERY)
    return {"sent": sent, "arrived": arrived, "seconds": round(time.monotonic() - began)}


def _arrived(access: AwsAccess, table: str) -> int:
    """Observed requests over all prefixes."""
    scan = access.client("dynamodb").get_paginator("scan")
    return sum(
        int(item.get("requests", {}).get("N", 0))
        for item in scan.paginate(TableName=table, ConsistentRead=True).search("Items[]")
        if item["pk"]["S"].startswith(_STATES)
    )
