"""What each argument of the constructs takes, by the call that takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from constructs import Construct

from prefixwarm import settings
from prefixwarm.errors import SettingsError
from prefixwarm_cdk import kinds
from prefixwarm_cdk.credential_sources import Credentials
from prefixwarm_cdk.inputs import Kind
from prefixwarm_cdk.keep_warm import Budget, KeepWarm

_SUBNETS = "ec2.SubnetSelection(...)"


def _cache_scope(value: str) -> str:
    """What the deployed code says of it; it trims, and what is granted would have the blanks."""
    if value != value.strip():
        return "begins or ends with a blank; leave that out"
    try:
        settings.Settings.from_environment({settings.CACHE_SCOPE: value})
    except SettingsError as error:
        return str(error).rpartition(": ")[2]
    return ""


def _removal_policy(value: RemovalPolicy) -> str:
    if value is RemovalPolicy.SNAPSHOT:
        return "a DynamoDB table has no snapshots; pass RemovalPolicy.RETAIN"
    return ""


def _subnets(value: object) -> str:
    """CDK takes the fields of the struct as a dictionary as well."""
    try:
        if isinstance(value, Mapping):
            ec2.SubnetSelection(**cast("Any", value))
    except TypeError:
        return f"these are no fields of subnets; pass {_SUBNETS}"
    return ""


def _metrics(value: object) -> str:
    return "; for the hit rate alone pass hit_rate_alarm=0.5" if value == "hit-rate" else ""


_NAMES = kinds.several(kinds.text('"support"'), '["support"]')

WARMER = {
    "scope": kinds.instance(Construct, "the stack, such as self"),
    "construct_id": kinds.text('an id, such as "Warm"'),
    "prefixes": kinds.several(kinds.path(), '["support.prefix.json"]'),
    "credentials": kinds.instance((Credentials, Mapping), "Credentials.secret(secret)"),
    "keep_warm": kinds.instance(KeepWarm, "KeepWarm.auto()"),
    "budget": kinds.instance(Budget, "Budget.usd_per_day(1)"),
    "cache_scope": kinds.text('a label, such as "default"', _cache_scope),
    "latency_value": kinds.dollars(),
    "sample_diagnostics": kinds.flag(),
    "calls_per_minute": kinds.count(),
    "runtime": kinds.python_runtime(),
    "log_retention": kinds.instance(logs.RetentionDays, "RetentionDays.ONE_MONTH"),
    "removal_policy": kinds.instance(
        RemovalPolicy, "RemovalPolicy.DESTROY", problem=_removal_policy
    ),
    "kill_switch": kinds.construct("parameter_name", "ssm.StringParameter(...)"),
    "metrics": kinds.choice("trouble", "full", explain=_metrics),
    "alarms": kinds.flag(),
    "alarm_topic": kinds.construct("topic_arn", "sns.Topic(...)"),
    "hit_rate_alarm": kinds.number(
        "a share, such as 0.5",
        "write a share between 0 and 1, such as 0.5",
        lambda value: 0 < value < 1,
    ),
    "dashboard": kinds.flag(),
    "tracing": kinds.flag(),
    "vpc": kinds.construct("vpc_id", "ec2.Vpc(...)"),
    "vpc_subnets": kinds.instance((ec2.SubnetSelection, Mapping), _SUBNETS, problem=_subnets),
    "security_groups": kinds.several(
        kinds.construct("security_group_id", "ec2.SecurityGroup(...)"), "[ec2.SecurityGroup(...)]"
    ),
    "encryption_key": kinds.construct("key_arn", "kms.Key(...)"),
    "reserved_concurrency": kinds.count(),
}

# `function` has checks of its own: attachment.check.
ATTACH = {
    "function": Kind(lambda _: True, "lambda_.Function(...)", tokens=True),
    "prefixes": _NAMES,
    "init": kinds.choice("auto", "always", "off"),
    "init_hint": kinds.at_most(settings.MAX_HINT_MS / 1000),
    "init_hold": kinds.at_most(settings.MAX_HOLD_MS / 1000),
    "gate": kinds.at_most(settings.MAX_GATE_MS / 1000),
    "init_usd_per_week": kinds.dollars(),
    "first": kinds.text('the name of a prefix, such as "support"'),
    "observe": kinds.choice(True, False, "auto"),
}
