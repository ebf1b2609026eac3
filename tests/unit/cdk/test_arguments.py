"""Whatever is wrong with an argument, one line names it.

Every argument of every construct and method meets values of many kinds. It takes those that are
listed here, by hand, and refuses all others in an error that begins with the call and the argument.
"""

from __future__ import annotations

import inspect
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import CfnParameter, Duration, RemovalPolicy, Stack, TimeZone
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm

from prefixwarm.errors import UsageError
from prefixwarm_cdk import Budget, Credentials, KeepWarm, PrefixWarmer
from prefixwarm_cdk.function import KeepWarmFunction

if TYPE_CHECKING:
    from collections.abc import Callable

# Whole warmers are made of what is taken.
pytestmark = pytest.mark.slow

KEY = "sk-ant-api03-not-a-key-0123456789"

ADVICE = ("pass", "write", "use", "leave", "attach", "revoke", "known are")

# What users call, as they write it.
CALLS: dict[str, Callable[..., Any]] = {
    "PrefixWarmer": PrefixWarmer.__init__,
    "attach": PrefixWarmer.attach,
    "metric": PrefixWarmer.metric,
    "metric_cost": PrefixWarmer.metric_cost,
    "metric_saved": PrefixWarmer.metric_saved,
    "metric_refreshed": PrefixWarmer.metric_refreshed,
    "metric_written": PrefixWarmer.metric_written,
    "metric_failed": PrefixWarmer.metric_failed,
    "grant_ask": PrefixWarmer.grant_ask,
    "grant_cost_gate": PrefixWarmer.grant_cost_gate,
    "answer_events": PrefixWarmer.answer_events,
    "configure": KeepWarmFunction.configure,
    "KeepWarm": KeepWarm.__init__,
    "KeepWarm.auto": KeepWarm.auto,
    "KeepWarm.ski": KeepWarm.ski,
    "KeepWarm.hazard": KeepWarm.hazard,
    "KeepWarm.windows": KeepWarm.windows,
    "Budget": Budget.__init__,
    "Budget.usd_per_day": Budget.usd_per_day,
    "Credentials.secret": Credentials.secret,
    "Credentials.ssm_parameter": Credentials.ssm_parameter,
    "Credentials.function_role": Credentials.function_role,
    "Credentials.workload_identity": Credentials.workload_identity,
}
# What each argument takes of the values below; None, where it is the default.
TAKES = {
    "alarm_topic": {"topic"},
    "alarms": {"true"},
    "budget": {"budget"},
    "cache_scope": {"word"},
    "calls_per_minute": {"one", "huge", "endless"},
    "construct_id": {"word", "key as text"},
    "credentials": {"credentials"},
    "dashboard": set(),
    "dollars": {"one", "fraction"},
    "encryption_key": {"key"},
    "environment": {"no names"},
    "event_bus": {"bus"},
    "federation_rule_id": {"text token"},
    "first": set(),
    "function": {"function"},
    "gate": {"second", "less than a millisecond"},
    "grantee": {"role", "function"},
    "hit_rate_alarm": {"fraction"},
    "holidays": {"empty list"},
    "hours": set(),
    "init": set(),
    "init_hint": {"second", "less than a millisecond"},
    "init_hold": {"second", "less than a millisecond"},
    "init_usd_per_week": {"zero", "one", "fraction"},
    "interval": {"second", "less than a millisecond"},
    "keep_warm": {"rule"},
    "kill_switch": {"parameter"},
    "latency_value": {"zero", "one", "fraction"},
    "log_retention": {"retention"},
    "metrics": set(),
    "name": set(),
    "observe": {"true"},
    "organization_id": {"text token"},
    "parameter": {"parameter"},
    "period": {"second", "days"},
    "policy": {"none", "no names"},
    "prefixes": set(),
    "removal_policy": {"removal policy"},
    "reserved_concurrency": {"one", "huge", "endless"},
    "rule": {"rule"},
    "runtime": {"runtime"},
    "sample_diagnostics": {"true"},
    "scope": {"stack", "role", "topic", "bucket", "key", "vpc", "parameter", "function", "bus"},
    "secret": set(),
    "security_groups": {"empty list"},
    "service_account_id": {"text token"},
    "statistic": {"word", "key as text"},
    "time_zone": {"time zone"},
    "tracing": {"true"},
    "vpc": {"vpc"},
    "vpc_subnets": {"no names"},
    "warm_by": set(),
    "weekdays": set(),
    "workspace_id": {"text token"},
}
# One name, another meaning.
TAKES_THERE = {"Credentials.function_role(workspace_id": {"text token", "word", "key as text"}}
# Other arguments without which a call is not complete.
REQUIRED = {
    "attach": {"function": "function"},
    "KeepWarm.windows": {"hours": "hours"},
    "metric": {"name": "metric"},
    "Credentials.workload_identity": {
        "federation_rule_id": "text token",
        "organization_id": "text token",
    },
    "PrefixWarmer": {
        "scope": "stack",
        "construct_id": "word",
        "prefixes": "prefixes",
        "credentials": "credentials",
    },
}


NUMBERS = count()


def cases() -> list[str]:
    """Each argument, as ``CALL(ARGUMENT``."""
    return [
        f"{call}({name}"
        for call, function in CALLS.items()
        for name in inspect.signature(function).parameters
        if name not in ("self", "cls")
    ]


@pytest.fixture(scope="module")
def values(make_bench: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Values by what they are."""
    bench = make_bench(tmp_path_factory.mktemp("arguments"))
    stack = bench.stack
    text = CfnParameter(stack, "Text").value_as_string
    number = CfnParameter(stack, "Number", type="Number").value_as_number
    return {
        "bench": bench,
        "prefixes": [bench.prefix],
        "hours": "08:00-20:00",
        "metric": "WarmRewrote",
        "warmer": bench.warmer(id="Held", metrics="full"),
        "values": {
            "none": None,
            "nothing": "",
            "blanks": "  ",
            "word": "sales",
            "key as text": KEY,
            "minus": -1,
            "zero": 0,
            "one": 1,
            "huge": 10**9,
            "endless": 10**400,
            "fraction": 0.5,
            "not a number": float("nan"),
            "infinite": float("inf"),
            "true": True,
            "empty list": [],
            "list of nothing": [None],
            "list of blanks": [""],
            "list of lists": [["support"]],
            "no names": {},
            "odd names": {1: 2},
            "bytes": b"support",
            "object": object(),
            "class": kms.Key,
            "second": Duration.seconds(1),
            "less than a millisecond": Duration.millis(0.25),
            "days": Duration.days(30),
            "text token": text,
            "number token": number,
            "list of tokens": [text],
            "time token": Duration.seconds(number),
            "stack": Stack(bench.app, "Other"),
            "role": iam.Role(stack, "Role", assumed_by=iam.AccountRootPrincipal()),
            "topic": sns.Topic(stack, "Topic"),
            "bucket": s3.Bucket(stack, "Bucket"),
            "key": kms.Key(stack, "KmsKey"),
            "vpc": ec2.Vpc(stack, "Vpc"),
            "bus": events.EventBus(stack, "Bus"),
            "parameter": ssm.StringParameter(stack, "P", string_value="false"),
            "function": bench.function(),
            "removal policy": RemovalPolicy.RETAIN,
            "snapshot": RemovalPolicy.SNAPSHOT,
            "retention": logs.RetentionDays.ONE_DAY,
            "runtime": lambda_.Runtime.PYTHON_3_12,
            "old runtime": lambda_.Runtime.PYTHON_3_9,
            "other runtime": lambda_.Runtime.NODEJS_22_X,
            "rule": KeepWarm.ski(),
            "budget": Budget(1),
            "credentials": Credentials.secret(bench.secret),
            "time zone": TimeZone.of("Europe/Oslo"),
        },
    }


def callee(call: str, warmer: PrefixWarmer) -> Callable[..., Any]:
    """What is called by this name."""
    if call == "PrefixWarmer":
        return PrefixWarmer
    owner, _, method = call.rpartition(".")
    if owner or call in ("KeepWarm", "Budget"):
        cls = {"KeepWarm": KeepWarm, "Budget": Budget, "Credentials": Credentials}[owner or call]
        return getattr(cls, method) if owner else cls
    assert warmer.keep_warm is not None
    return getattr(warmer.keep_warm if call == "configure" else warmer, call)


def attempt(case: str, value: Any, values: dict[str, Any]) -> None:
    """Call with one argument of interest, and with what the call needs besides."""
    call, _, name = case.partition("(")
    named = {**values, **values["values"]}
    options = {key: named[kind] for key, kind in REQUIRED.get(call, {}).items()}
    if call == "PrefixWarmer":
        options["construct_id"] = f"Warm{next(NUMBERS)}"
    if name in ("vpc_subnets", "security_groups"):
        options["vpc"] = named["vpc"]
    if call == "attach":
        options["function"] = values["bench"].function(name=f"Agent{next(NUMBERS)}")
    callee(call, values["warmer"])(**{**options, name: value})


@pytest.mark.parametrize("case", cases())
def test_what_an_argument_does_not_take(case: str, values: dict[str, Any]) -> None:
    """Names the call and the argument first, then says what to do; a key is not shown."""
    call, _, name = case.partition("(")
    taken = TAKES_THERE.get(case, TAKES[name])
    if inspect.signature(CALLS[call]).parameters[name].default is None:
        taken = {*taken, "none"}
    for kind, value in values["values"].items():
        if kind in taken:
            continue
        with pytest.raises(UsageError) as refused:
            attempt(case, value, values)
        message = str(refused.value)
        assert message.startswith(f"{case}="), (kind, message)
        assert "\n" not in message
        assert KEY not in message
        assert any(f"{verb} " in message for verb in ADVICE), (kind, message)


@pytest.mark.parametrize("case", cases())
def test_what_an_argument_takes(case: str, values: dict[str, Any]) -> None:
    """The list above is no longer than it is true."""
    taken = TAKES_THERE.get(case, TAKES[case.partition("(")[2]])
    for kind in sorted(taken):
        attempt(case, values["values"][kind], values)


@pytest.mark.parametrize("case", cases())
def test_an_argument_that_is_missing_or_misspelt(case: str, values: dict[str, Any]) -> None:
    """Says so, with what to pass, or which one may be meant."""
    call, _, name = case.partition("(")
    parameter = inspect.signature(CALLS[call]).parameters[name]
    function = callee(call, values["warmer"])
    with pytest.raises(UsageError) as refused:
        function(**{f"{name}s": 1})
    assert str(refused.value).startswith(f"{case}s=...): there is no such argument; did you mean ")
    if parameter.default is parameter.empty:
        named = {**values, **values["values"]}
        options = {k: named[kind] for k, kind in REQUIRED.get(call, {}).items() if k != name}
        with pytest.raises(UsageError) as refused:
            function(**options)
        assert str(refused.value).startswith(f"{case}=...): is missing; pass ")
