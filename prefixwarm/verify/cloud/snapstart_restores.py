"""How long SnapStart takes to restore a snapshot, and whether the layer's hook runs then."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from prefixwarm.verify.cloud.log_lines import init_outcomes
from prefixwarm.verify.cloud.probe_functions import zipped
from prefixwarm.verify.cloud.report_line import percentile

if TYPE_CHECKING:
    from prefixwarm.verify.cloud.aws_access import AwsAccess
    from prefixwarm.verify.cloud.probe_functions import ProbeFunctions

_CODE = """
import time
import prefixwarm_snapstart

def handler(event, context):
    time.sleep(1)
    return {}
"""
# They overlap, so that each restores an environment of its own.
_AT_ONCE = 3
# https://docs.aws.amazon.com/lambda/latest/dg/snapstart.html
_OLDEST = (3, 12)
_WAIT = {"Delay": 5, "MaxAttempts": 120}


def measure(access: AwsAccess, probes: ProbeFunctions, agent: str) -> dict[str, Any]:
    """Publish a version of a function with the layer and settings of `agent`, and start it.

    Returns
    -------
    dict
        ``restore_ms`` of each start, its median ``p50``, and ``hook``: the outcomes that the hook
        logged.
    """
    function = probes.create_function("snapstart", _settings(access, agent))
    client = access.client("lambda")
    version = client.publish_version(FunctionName=function)["Version"]
    client.get_waiter("published_version_active").wait(
        FunctionName=function, Qualifier=version, WaiterConfig=_WAIT
    )
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(
            pool.map(lambda _: probes.calls.invoke(function, {}, version), range(_AT_ONCE))
        )
    restores = [a.report.restore_ms for a in answers if a.report.restore_ms is not None]
    hook = [outcome for answer in answers for outcome in _outcomes(answer.log)]
    if restores and not hook:
        # What is logged before the first request is not always in the tail of its log.
        hook = probes.calls.logged(function, _outcomes)
    return {
        "starts": len(answers),
        "restore_ms": restores,
        "p50": round(percentile(restores, 0.5), 1) if restores else None,
        "hook": sorted(set(hook)),
    }


def _settings(access: AwsAccess, agent: str) -> dict[str, Any]:
    own = access.client("lambda").get_function_configuration(FunctionName=agent)
    return {
        "Runtime": _runtime(own["Runtime"]),
        "Handler": "handler.handler",
        "Code": {"ZipFile": zipped({"handler.py": _CODE})},
        "Role": own["Role"],
        "Layers": [layer["Arn"] for layer in own.get("Layers", [])],
        "Environment": {"Variables": own.get("Environment", {}).get("Variables", {})},
        "SnapStart": {"ApplyOn": "PublishedVersions"},
        "Timeout": 30,
        "MemorySize": own["MemorySize"],
    }


def _runtime(own: str) -> str:
    """The agent's, or a newer one where SnapStart does not know that."""
    version = tuple(map(int, own.removeprefix("python").split(".")))
    return own if version >= _OLDEST else "python{}.{}".format(*_OLDEST)


def _outcomes(log: str) -> list[str]:
    return init_outcomes(log, "restored")
