"""What `scripts/verify-on-aws` deploys: the example, with copies to compare it with.

Context values beside those of `app`: ``name``, with which every stack's name begins; ``stub``, a
folder with the code of a function that answers in the model provider's place.
"""

from __future__ import annotations

from typing import Any

from agent_code import agent_code, local_architecture
from app import AgentStack, WarmerStack
from aws_cdk import App, Duration, RemovalPolicies, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct


class ProviderStack(Stack):
    """Answers the Messages API without a model."""

    def __init__(self, scope: Construct, construct_id: str, code: str) -> None:
        super().__init__(scope, construct_id)
        function = lambda_.Function(
            self,
            "Stub",
            code=lambda_.Code.from_asset(code, exclude=["__pycache__"]),
            handler="stub_messages_api.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=local_architecture(),
            memory_size=256,
            timeout=Duration.seconds(10),
        )
        self.url = function.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE).url


class ComparedStack(AgentStack):
    """The example's functions, one without the layer, and one that is observed."""

    def __init__(
        self, scope: Construct, construct_id: str, *, warmer: WarmerStack, **options: Any
    ) -> None:
        super().__init__(scope, construct_id, warmer=warmer, **options)
        python = str(self.node.try_get_context("python") or "3.13")
        code = agent_code(python, local_architecture())
        self._function("Plain", code, 1024, warmer.secret)
        observed = self._function("Observed", code, 1024, warmer.secret)
        warmer.warmer.attach(observed, observe="auto")


def build(app: App) -> None:
    """All stacks; nothing of them outlives their deletion."""
    name = app.node.get_context("name")
    # Context is set before there are children, and the provider's address is one of them.
    example = Construct(app, "Example")
    if stub := app.node.try_get_context("stub"):
        provider = ProviderStack(app, f"{name}-Provider", stub)
        example.node.set_context("base_url", provider.url)
    warmer = WarmerStack(example, "Warmer", stack_name=f"{name}-Warmer")
    ComparedStack(example, "Agent", warmer=warmer, stack_name=f"{name}-Agent")
    RemovalPolicies.of(app).destroy()


if __name__ == "__main__":
    app = App()
    build(app)
    app.synth()
