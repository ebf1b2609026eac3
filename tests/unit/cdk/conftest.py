"""One Node kernel for all tests of the constructs, and small stacks to try things on."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.local.toolchain import Tools

# Helpers of these tests.
sys.path.insert(0, str(Path(__file__).parent))

# The kernel of the constructs reads these when it starts; a banner says that Node.js is old.
os.environ.setdefault("JSII_NODE", str(Tools().node()))
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20,21,23")

from aws_cdk import App, CloudFormationValidatePlugin, Stack, Validations, assertions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm.prefix import prefix_file
from prefixwarm_cdk import Credentials, PrefixWarmer
from tests.helpers.derived import derive
from tests.helpers.workers import warmer_with_workers

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "claude-sonnet-5-5"


def agent_request(text: str = "You are the support agent. " * 200, **more: Any) -> dict[str, Any]:
    """What an agent sends."""
    block = {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    messages = [{"role": "user", "content": "Hello"}]
    return {"model": MODEL, "max_tokens": 9, "system": [block], "messages": messages, **more}


@pytest.fixture(scope="session")
def write_prefix(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a prefix file into a folder of its own and return its path."""

    def write(
        name: str = "support",
        *,
        model: str = MODEL,
        route: str = "anthropic",
        text: str = "You are the support agent. " * 200,
        ttl: str = "1h",
        folder: Path | None = None,
        **fields: Any,
    ) -> Path:
        version = {"bedrock": {"anthropic_version": "bedrock-2023-05-31"}}.get(route, {})
        request = derive(agent_request(text, **version), ttl=ttl)
        request["model"] = model
        headers = {} if route == "bedrock" else {"anthropic-version": "2026-10-21"}
        fields = {"tokens": {"minimum": 512}, **fields}
        built = prefix_file.build(name, request, route=route, headers=headers, **fields)
        return prefix_file.write(built, folder or tmp_path_factory.mktemp("prefix"))

    return write


@pytest.fixture(scope="session")
def prefix(write_prefix: Callable[..., Path]) -> Path:
    """The prefix file that most tests use."""
    return write_prefix()


@pytest.fixture(scope="session")
def add_checks() -> Callable[[App], None]:
    """Have an app checked by cdk-nag, and by CDK's own rules, which are off elsewhere."""
    # Only slow tests need it.
    import cdk_nag

    def add(app: App) -> None:
        checks = (cdk_nag.AwsSolutionsChecks(app), CloudFormationValidatePlugin())
        Validations.of(app).add_plugins(*checks)

    return add


@dataclass
class Bench:
    """An app with a warmer and a function that can be attached."""

    app: App
    stack: Stack
    secret: secretsmanager.ISecret
    prefix: Path

    def warmer(self, **options: Any) -> PrefixWarmer:
        """A warmer in the stack; with `workers_beyond`, it has workers for more prefixes."""
        scope = options.pop("scope", self.stack)
        most = options.pop("workers_beyond", PrefixWarmer.most_in_a_tick)
        options = {
            "prefixes": [self.prefix],
            "credentials": Credentials.secret(self.secret),
            **options,
        }
        return warmer_with_workers(most)(scope, options.pop("id", "Warm"), **options)

    def function(self, scope: Stack | None = None, name: str = "Agent", **options: Any) -> Any:
        """An agent's function."""
        options = {
            "runtime": lambda_.Runtime.PYTHON_3_13,
            "handler": "index.handler",
            "code": lambda_.Code.from_inline("def handler(event, context): return 1"),
            **options,
        }
        return lambda_.Function(scope or self.stack, name, **options)

    def template(self, stack: Stack | None = None) -> assertions.Template:
        """The synthesised template."""
        return assertions.Template.from_stack(stack or self.stack)

    def warnings(self, stack: Stack | None = None) -> list[str]:
        """Warnings annotated in the stack."""
        # Not by assertions.Annotations: the type of what that returns is in a module that both
        # aws-cdk-lib and aws-cdk-cloud-assembly-schema install, and is known only if the former
        # was installed last.
        stack = stack or self.stack
        self.app.synth()
        entries = [entry for node in stack.node.find_all() for entry in node.node.metadata]
        return [str(entry.data) for entry in entries if entry.type == "aws:cdk:warning"]


@pytest.fixture
def bench(tmp_path: Path, prefix: Path) -> Bench:
    """A fresh app."""
    return new_bench(tmp_path / "cdk.out", prefix)


@pytest.fixture(scope="session")
def make_bench(prefix: Path) -> Callable[[Path], Bench]:
    """Makes a fresh app in a folder, for fixtures that many tests share."""
    return lambda outdir: new_bench(outdir, prefix)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, prefix: Path) -> assertions.Template:
    """A warmer with all defaults and one attached function; only to be read."""
    bench = new_bench(tmp_path_factory.mktemp("default"), prefix)
    bench.warmer().attach(bench.function())
    return bench.template()


def new_bench(outdir: Path, prefix: Path) -> Bench:
    """An app whose one stack is called Warmer."""
    app = App(outdir=str(outdir), context={"aws:cdk:version-reporting": False})
    stack = Stack(app, "Warmer")
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:claude-AbCdEf"
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Key", arn)
    return Bench(app, stack, secret, prefix)


def resources(template: assertions.Template, kind: str) -> list[dict[str, Any]]:
    """Properties of the resources of a type."""
    return [resource["Properties"] for resource in template.find_resources(kind).values()]


def statements(template: assertions.Template) -> list[dict[str, Any]]:
    """All statements of all policies."""
    policies = resources(template, "AWS::IAM::Policy")
    return [s for policy in policies for s in policy["PolicyDocument"]["Statement"]]


@pytest.fixture(scope="session")
def read() -> Any:
    """Helpers that read templates."""

    class Read:
        resources = staticmethod(resources)
        statements = staticmethod(statements)

    return Read
