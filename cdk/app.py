"""A deployable example: a support agent, its light twin, and a warmer for both.

    cdk deploy --all -c prefixes=support.prefix.json -c secret=anthropic-api-key

Context values: ``prefixes``, files or folders separated by commas; ``secret``, name or ARN of an
existing secret with the API key (by default one is created); ``python``, version of the
functions' runtime (3.13); ``base_url``, another address for the model provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent_code import agent_code, light_code, local_architecture
from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm_cdk import Budget, Credentials, KeepWarm, PrefixWarmer

if TYPE_CHECKING:
    from constructs import Construct


class WarmerStack(Stack):
    """The key and the warmer."""

    def __init__(self, scope: Construct, construct_id: str, **options: Any) -> None:
        super().__init__(scope, construct_id, **options)
        self.secret = _secret(self, self.node.try_get_context("secret"))
        prefixes = self.node.try_get_context("prefixes") or "prefixes"
        self.warmer = PrefixWarmer(
            self,
            "Warmer",
            prefixes=prefixes.split(","),
            credentials=Credentials.secret(self.secret),
            keep_warm=KeepWarm.ski(),
            budget=Budget.usd_per_day(5),
            runtime=_runtime(self),
        )
        keep_warm = self.warmer.keep_warm
        if keep_warm:
            keep_warm.configure(_provider(self))
            CfnOutput(self, "KeepWarmFunctionName", value=keep_warm.function.function_name)
        CfnOutput(self, "TableName", value=self.warmer.table.table_name)


class AgentStack(Stack):
    """Two functions that send the same prefix."""

    def __init__(
        self, scope: Construct, construct_id: str, *, warmer: WarmerStack, **options: Any
    ) -> None:
        super().__init__(scope, construct_id, **options)
        code = agent_code(_python(self), local_architecture())
        agent = self._function("Agent", code, 1024, warmer.secret)
        light = self._function("Light", light_code(), 512, warmer.secret)
        warmer.warmer.attach(agent)
        warmer.warmer.attach(light, init_hint=Duration.millis(100))

    def _function(
        self, name: str, code: lambda_.Code, memory: int, secret: secretsmanager.ISecret
    ) -> lambda_.Function:
        function = lambda_.Function(
            self,
            name,
            code=code,
            handler="handler.handler",
            runtime=_runtime(self),
            architecture=local_architecture(),
            memory_size=memory,
            timeout=Duration.minutes(2),
            environment={"AGENT_API_KEY_SECRET": secret.secret_arn, **_provider(self)},
            log_group=logs.LogGroup(
                self,
                f"{name}Logs",
                retention=logs.RetentionDays.ONE_MONTH,
                removal_policy=RemovalPolicy.DESTROY,
            ),
        )
        secret.grant_read(function)
        CfnOutput(self, f"{name}FunctionName", value=function.function_name)
        return function


def build(app: App) -> tuple[WarmerStack, AgentStack]:
    """Build both stacks; the agent's depends on the warmer's, never the reverse."""
    warmer = WarmerStack(app, "PrefixwarmWarmer", description="Keeps the agent's prefix warm")
    agent = AgentStack(app, "PrefixwarmAgent", warmer=warmer, description="The example agent")
    return warmer, agent


def _secret(scope: Construct, reference: str | None) -> secretsmanager.ISecret:
    if not reference:
        return secretsmanager.Secret(scope, "ApiKey", description="API key of the Claude API")
    if reference.startswith("arn:"):
        return secretsmanager.Secret.from_secret_complete_arn(scope, "ApiKey", reference)
    return secretsmanager.Secret.from_secret_name_v2(scope, "ApiKey", reference)


def _python(scope: Construct) -> str:
    return str(scope.node.try_get_context("python") or "3.13")


def _runtime(scope: Construct) -> lambda_.Runtime:
    return lambda_.Runtime(f"python{_python(scope)}", lambda_.RuntimeFamily.PYTHON)


def _provider(scope: Construct) -> dict[str, str]:
    base_url = scope.node.try_get_context("base_url")
    return {"ANTHROPIC_BASE_URL": str(base_url)} if base_url else {}


if __name__ == "__main__":
    app = App()
    build(app)
    app.synth()
