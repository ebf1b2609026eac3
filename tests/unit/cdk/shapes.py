"""The common shapes of apps, as far as their templates differ from the one with all defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm_cdk import Credentials, KeepWarm, PrefixWarmer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aws_cdk import App


_SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:claude-AbCdEf"


@dataclass(frozen=True)
class Parts:
    """What an app is made of: one stack, a warmer in it, and agents."""

    app: App
    stack: Stack
    prefix: Path
    kind: type[PrefixWarmer]

    def warmer(self, **options: Any) -> PrefixWarmer:
        """The warmer, with a key that exists."""
        secret = secretsmanager.Secret.from_secret_complete_arn(self.stack, "Key", _SECRET)
        credentials = Credentials.secret(secret)
        return self.kind(
            self.stack, "Warm", prefixes=[self.prefix], credentials=credentials, **options
        )

    def agent(
        self, name: str = "Agent", stack: Stack | None = None, **options: Any
    ) -> lambda_.Function:
        """A function that sends the prefix."""
        options = {
            "code": lambda_.Code.from_inline("def handler(event, context): return 1"),
            "handler": "i.h",
            "runtime": lambda_.Runtime.PYTHON_3_13,
            **options,
        }
        return lambda_.Function(stack or self.stack, name, **options)


def _alias(parts: Parts) -> None:
    agent = parts.agent()
    parts.warmer().attach(agent)
    lambda_.Alias(parts.stack, "Live", alias_name="live", version=agent.current_version)


def _provisioned(parts: Parts) -> None:
    agent = parts.agent()
    parts.warmer().attach(agent)
    lambda_.Alias(
        parts.stack,
        "Live",
        alias_name="live",
        version=agent.current_version,
        provisioned_concurrent_executions=2,
    )


def _two_functions(parts: Parts) -> None:
    warmer = parts.warmer()
    warmer.attach(parts.agent())
    warmer.attach(parts.agent("Batch"), init="off")


def _other_stack(parts: Parts) -> None:
    parts.warmer().attach(parts.agent(stack=Stack(parts.app, "Agents")))


def _arm64(parts: Parts) -> None:
    parts.warmer().attach(parts.agent(architecture=lambda_.Architecture.ARM_64))


def _vpc(parts: Parts) -> None:
    vpc = ec2.Vpc.from_vpc_attributes(
        parts.stack,
        "Vpc",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["eu-west-1a"],
        private_subnet_ids=["subnet-0123456789abcdef0"],
        private_subnet_route_table_ids=["rtb-0123456789abcdef0"],
    )
    parts.warmer(vpc=vpc).attach(parts.agent(vpc=vpc))


def _snap_start(parts: Parts) -> None:
    on = lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS
    agent = parts.agent(snap_start=on)
    parts.warmer().attach(agent)
    lambda_.Alias(parts.stack, "Live", alias_name="live", version=agent.current_version)


def _encryption_key(parts: Parts) -> None:
    parts.warmer(encryption_key=kms.Key(parts.stack, "Own")).attach(parts.agent())


def _node(parts: Parts) -> None:
    code = lambda_.Code.from_inline("exports.h = async () => 1")
    parts.warmer().attach(parts.agent(runtime=lambda_.Runtime.NODEJS_22_X, code=code))


def _observe_auto(parts: Parts) -> None:
    parts.warmer().attach(parts.agent(), observe="auto")


def _asks(parts: Parts) -> None:
    warmer = parts.warmer()
    warmer.attach(parts.agent())
    warmer.answer_events()
    principal = iam.ServicePrincipal("states.amazonaws.com")
    warmer.grant_ask(iam.Role(parts.stack, "FrontEnd", assumed_by=principal))


def _off(parts: Parts) -> None:
    parts.warmer(keep_warm=KeepWarm.off()).attach(parts.agent())


SHAPES: dict[str, Callable[[Parts], None]] = {
    "alias": _alias,
    "provisioned-concurrency": _provisioned,
    "two-functions": _two_functions,
    "other-stack": _other_stack,
    "arm64": _arm64,
    "vpc": _vpc,
    "snapstart": _snap_start,
    "encryption-key": _encryption_key,
    "nodejs": _node,
    "observe-auto": _observe_auto,
    "asks": _asks,
    "off": _off,
}
