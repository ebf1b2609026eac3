"""`PrefixWarmer`: everything that keeps prefixes warm, in one construct."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import Annotations, Aspects, IAspect, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs

from prefixwarm import settings
from prefixwarm.attach import grants, runtimes
from prefixwarm.prefix.manifest import MOST_IN_A_TICK, state_keys
from prefixwarm_cdk import arguments, attachment
from prefixwarm_cdk import prefixes as prefix_files
from prefixwarm_cdk.access import allow
from prefixwarm_cdk.answering import AnsweringWarmer
from prefixwarm_cdk.assets import Manifest
from prefixwarm_cdk.exec_wrapper import AUTO, observe_from_start
from prefixwarm_cdk.function import KeepWarmFunction
from prefixwarm_cdk.inputs import naming, takes
from prefixwarm_cdk.keep_warm import KeepWarm
from prefixwarm_cdk.lambda_function import FunctionOptions, network
from prefixwarm_cdk.layer import layer_for
from prefixwarm_cdk.monitoring import Monitoring
from prefixwarm_cdk.route_credentials import credentials_of
from prefixwarm_cdk.table import state_table
from prefixwarm_cdk.versions import renew_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from aws_cdk import Duration
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_ssm as ssm
    from constructs import Construct, IConstruct

    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm_cdk.credential_sources import Credentials
    from prefixwarm_cdk.keep_warm import Budget
    from prefixwarm_cdk.prefixes import Prefix


# An environment holds 4 KB; further functions record their names in the warm state themselves.
_MOST_NAMED = 30


class PrefixWarmer(AnsweringWarmer):
    """Keeps the prompt-cache prefixes of Claude agents on Lambda warm.

    Owns the table of the warm state, the layer, and the keep-warm function with its schedule, log
    group and alarms. It does not create the agent's function: `attach` yours.

    Parameters
    ----------
    prefixes
        Prefix files, or folders with prefix files.
    credentials
        How warm calls authenticate. They must use the agent's workspace, or its requests read
        nothing. By route if there are several: ``{"anthropic": ..., "bedrock-converse": ...}``.
    keep_warm
        When prefixes are refreshed between requests. Default: `KeepWarm.auto()`.
    budget
        Cap on the dollars of the keep-warm function. Default: none; the policy alone decides.
    cache_scope
        Label of the key's workspace, because each workspace has its own cache.
        Default: ``default``.
    latency_value
        The value of one second of first-token wait, in US dollars. Default: 0, so only saved tokens
        count.
    sample_diagnostics
        Whether warm calls opt in to the provider's cache diagnostics, and `prefixwarm.observe` in
        an agent requests them once per environment. Default: False, so that nothing is added to any
        request.
    calls_per_minute
        The most warm calls to one route per minute; a tenth of them may be writes. Leave room for
        real traffic. Default: 500, half of the limit of the provider's lowest tier for one model.
    runtime
        Python runtime of the keep-warm function. Default: Python 3.14.
    log_retention
        How long to keep the keep-warm function's log. Default: one month.
    removal_policy
        What happens to the table when it leaves the stack. Default: it is destroyed, because the
        state can be learned again; only the spending history is lost.
    kill_switch
        Parameter that stops the keep-warm function without a deployment while it says ``true``.
        Default: none; stop it by its environment variable ``PREFIXWARM_DISABLED``.
    metrics
        ``trouble`` writes CloudWatch metrics only in hours with a problem; ``full`` writes all of
        docs/metrics.md, about $0.30 a month each, and gives every cause its own alarm. Default:
        ``trouble``.
    alarms
        Whether to create alarms, $0.10 a month each: two, or three with workers. Default: True.
    alarm_topic
        Receives the alarms. Default: nobody, until actions are added to `alarms`.
    hit_rate_alarm
        Alarm if observed agents read less than this share of their input tokens from the cache in
        an hour: $0.30 a month, and its three metrics up to $0.90. Default: none.
    dashboard
        Whether to create a CloudWatch dashboard, $3 a month; needs ``metrics="full"``.
        Default: False.
    tracing
        Whether X-Ray traces the keep-warm function. Default: False.
    vpc
        Network of the keep-warm function; it needs a way out to the provider, DynamoDB, S3 and
        CloudWatch. Default: no VPC, which reaches all of them.
    vpc_subnets
        Subnets in that network. Default: private ones with a way out.
    security_groups
        Security groups in that network. Default: one that allows all outbound traffic.
    encryption_key
        KMS key of the table and of the keep-warm function's log. Default: AWS's own keys.
    reserved_concurrency
        Concurrent executions reserved for the keep-warm function, 1 or more. Default: none; it
        shares the account's.

    Raises
    ------
    UsageError
        A prefix file, or a combination of settings, cannot work; the message says what to do.
    """

    alarms: tuple[cloudwatch.Alarm, ...] = ()
    # With more prefixes there are workers; what the function's ticks do themselves.
    most_in_a_tick = MOST_IN_A_TICK

    @takes("PrefixWarmer", arguments.WARMER)
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        prefixes: Sequence[str | Path],
        credentials: Credentials | Mapping[str, Credentials],
        keep_warm: KeepWarm | None = None,
        budget: Budget | None = None,
        cache_scope: str = "default",
        latency_value: float = 0.0,
        sample_diagnostics: bool = False,
        calls_per_minute: int | None = None,
        runtime: lambda_.Runtime = lambda_.Runtime.PYTHON_3_14,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        removal_policy: RemovalPolicy = RemovalPolicy.DESTROY,
        kill_switch: ssm.IStringParameter | None = None,
        metrics: str = "trouble",
        alarms: bool = True,
        alarm_topic: sns.ITopic | None = None,
        hit_rate_alarm: float | None = None,
        dashboard: bool = False,
        tracing: bool = False,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        encryption_key: kms.IKey | None = None,
        reserved_concurrency: int | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        monitoring = Monitoring(metrics, alarms, alarm_topic, dashboard, hit_rate_alarm)
        self._settings = _settings(cache_scope, latency_value, sample_diagnostics, monitoring)
        self._adopt(prefixes, credentials, keep_warm or KeepWarm.auto())
        self._key = encryption_key
        self.table = state_table(self, "Table", removal_policy, encryption_key)
        within = network(vpc, vpc_subnets, security_groups)
        options = FunctionOptions(
            runtime, log_retention, tracing, within, encryption_key, reserved_concurrency
        )
        self._run(options, monitoring, budget, calls_per_minute, kill_switch)

    def _adopt(
        self,
        paths: Sequence[str | Path],
        credentials: Credentials | Mapping[str, Credentials],
        rule: KeepWarm,
    ) -> None:
        """Read the prefixes, and check them against credentials and rule."""
        self._rule = rule
        with naming("PrefixWarmer", "prefixes"):
            self._prefixes = prefix_files.read(paths)
            prefix_files.annotate(self, self._prefixes)
        files = self._files(self._prefixes)
        with naming("PrefixWarmer", "credentials"):
            self._credentials = credentials_of(credentials)
            self._credentials.check(files)
        with naming("PrefixWarmer", "keep_warm"):
            rule.check(files)
        self._senders: dict[lambda_.Function, tuple[Prefix, ...]] = {}

    def _run(
        self,
        options: FunctionOptions,
        monitoring: Monitoring,
        budget: Budget | None,
        calls_per_minute: int | None,
        kill_switch: ssm.IStringParameter | None,
    ) -> None:
        """Create the keep-warm function and its monitoring, unless it is off."""
        Aspects.of(self).add(_WarnUnlessAttached())
        self.keep_warm = None
        self.alarms: tuple[cloudwatch.Alarm, ...] = ()
        if self._rule.policy is None:
            return
        many = len(self._prefixes) > self.most_in_a_tick
        self.keep_warm = KeepWarmFunction(self, "KeepWarm", options, workers=many)
        manifest = Manifest(
            self,
            "Manifest",
            prefixes=self._prefixes,
            policy=self._rule.policy,
            latency_value=float(self._settings[settings.LATENCY_VALUE]),
            budget=budget,
            calls_per_minute=calls_per_minute,
        )
        self._connect(self.keep_warm, manifest, kill_switch)
        self.alarms = monitoring.watch(self, self._deployment, self.keep_warm)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Names of the prefixes."""
        return tuple(prefix.name for prefix in self._prefixes)

    @property
    def attached(self) -> tuple[lambda_.Function, ...]:
        """The attached functions."""
        return tuple(self._senders)

    @takes("attach", arguments.ATTACH)
    def attach(
        self,
        function: lambda_.Function,
        *,
        prefixes: Iterable[str] | None = None,
        init: str = "auto",
        init_hint: Duration | None = None,
        init_hold: Duration | None = None,
        gate: Duration | None = None,
        init_usd_per_week: float = 1.0,
        first: str | None = None,
        observe: bool | str = True,
    ) -> None:
        """Add the layer, the settings and minimal permissions to an agent's function.

        They apply to versions published afterwards. A function in another stack makes that stack
        depend on this one.

        Parameters
        ----------
        function
            The agent's function, in this stack or another one of the region.
        prefixes
            Names of the prefixes that the function sends. Default: all of the warmer's.
        init
            When to warm in the init phase: ``auto`` (if it helps the request), ``always``, or
            ``off``.
        init_hint
            How long the function's own init takes; holding the start that long is free.
        init_hold
            How long to hold the start at most, up to 9 seconds. Default: 3 seconds.
        gate
            How long `prefixwarm.observe` makes the environment's first model call wait for a warm
            call in flight, up to 60 seconds. Default: no wait.
        init_usd_per_week
            US dollars that starts may spend on a prefix per week without `prefixwarm.observe`.
        first
            The prefix that starts warm before any request was seen to use one. Default: the first
            by name.
        observe
            Whether the layer includes `prefixwarm.observe`; ``auto`` also switches it on, without a
            change of the function's code. Default: True.

        Raises
        ------
        UsageError
            The function cannot have the layer, or a prefix is unknown; the message says what to do.
        """
        chosen = self._chosen(function, prefixes)
        times = {"hint": init_hint, "hold": init_hold, "gate": gate}
        own = attachment.own_settings(init, **times, usd_per_week=init_usd_per_week)
        own |= attachment.first_setting(function, [prefix.name for prefix in chosen], first)
        brings = bool(observe) and runtimes.may_warm(function.runtime.name)
        layer = layer_for(self, function, chosen, observe=brings)
        attachment.set_up(self, function, layer, self._shared(function) | own)
        if observe == AUTO:
            observe_from_start(function)
        renew_versions(function, layer)
        self._grant(function, chosen)
        if runtimes.asks(function.runtime.name):
            self._allow_asks(init_usd_per_week)
        self._senders[function] = chosen
        self._name_senders()

    def _environment(self) -> dict[str, str]:
        return self._common() | self._credentials.environment()

    def _common(self) -> dict[str, str]:
        own = {settings.TABLE: self.table.table_name, settings.DEPLOYMENT: self._deployment}
        return own | self._settings

    def _shared(self, function: lambda_.Function) -> dict[str, str]:
        """The settings that all attached functions share."""
        own = self._environment() if runtimes.may_warm(function.runtime.name) else self._common()
        if runtimes.asks(function.runtime.name) and self.keep_warm:
            own[settings.ASK] = self.keep_warm.function.function_name
        return own

    def _connect(
        self,
        keep_warm: KeepWarmFunction,
        manifest: Manifest,
        kill_switch: ssm.IStringParameter | None,
    ) -> None:
        keep_warm.configure(self._environment() | {settings.MANIFEST: manifest.url})
        keep_warm.configure({"POWERTOOLS_SERVICE_NAME": self._deployment})
        keep_warm.grant_table(self.table)
        for function in keep_warm.functions:
            attachment.allow_key(function, self._key)
        keep_warm.grant_objects(manifest.objects)
        keep_warm.grant_metrics()
        for function in keep_warm.functions:
            self._credentials.grant(function, self._files(self._prefixes))
        if kill_switch:
            keep_warm.configure({settings.KILL_SWITCH: kill_switch.parameter_name})
            keep_warm.grant_parameter(kill_switch.parameter_arn)

    @staticmethod
    def _files(prefixes: Sequence[Prefix]) -> list[PrefixFile]:
        return [prefix.file for prefix in prefixes]

    def _chosen(
        self, function: lambda_.Function, names: Iterable[str] | None
    ) -> tuple[Prefix, ...]:
        """The prefixes of these names, if the function can have them."""
        attachment.check(self, function)
        for owner in self._credentials.owners():
            attachment.refuse_cycle(self, function, owner)
        with naming("attach", "prefixes"):
            chosen = prefix_files.named(self._prefixes, names)
            attachment.refuse_too_many(function, len(chosen))
        return chosen

    def _grant(self, function: lambda_.Function, prefixes: Sequence[Prefix]) -> None:
        region = Stack.of(function).region
        scope = self._settings[settings.CACHE_SCOPE]
        keys = [state_keys(prefix.file, region, scope) for prefix in prefixes]
        state = grants.state(self.table.table_arn, keys, function.runtime.name)
        allow(function, state)
        attachment.allow_key(function, self._key)
        if runtimes.may_warm(function.runtime.name):
            self._credentials.grant(function, self._files(prefixes))
        if runtimes.asks(function.runtime.name) and self.keep_warm:
            self.grant_ask(function)
        elif runtimes.asks(function.runtime.name):
            attachment.warn_of_no_answer(function)

    def _name_senders(self) -> None:
        """Pass the attached functions' names to the keep-warm function if they are fixed here.

        Other functions record their names in the warm state themselves, or pass them when they ask;
        using them here would create a dependency cycle.
        """
        senders: dict[str, list[str]] = {}
        for function, prefixes in self._senders.items():
            name = attachment.fixed_name(self, function)
            for prefix in prefixes if name else ():
                senders.setdefault(prefix.name, []).append(str(name))
        if self.keep_warm and 0 < sum(map(len, senders.values())) <= _MOST_NAMED:
            text = Stack.of(self).to_json_string(senders)
            self.keep_warm.configure({settings.FUNCTIONS: text})


def _settings(
    cache_scope: str, latency_value: float, sample: bool, monitoring: Monitoring
) -> dict[str, str]:
    """The variables of every function."""
    written = monitoring.written
    return {
        settings.CACHE_SCOPE: cache_scope,
        settings.LATENCY_VALUE: f"{latency_value:g}",
        **({settings.DIAGNOSE: "sample"} if sample else {}),
        **({settings.METRICS: written} if written != "trouble" else {}),
    }


@jsii.implements(IAspect)
class _WarnUnlessAttached:
    def visit(self, node: IConstruct) -> None:
        if isinstance(node, PrefixWarmer) and not node.attached:
            Annotations.of(node).add_warning_v2(
                "prefixwarm:unattached",
                "no function is attached, so prefixwarm cannot tell whether the prefixes are used; "
                "call attach(function) for each function that sends them",
            )
