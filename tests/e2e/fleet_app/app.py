"""A warmer with workers, for `test_queue`: as one has with more than three hundred prefixes."""

from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm_cdk import Credentials, KeepWarm, PrefixWarmer


class WithWorkers(PrefixWarmer):
    """What a tick does itself is lowered in the deployed code, too."""

    most_in_a_tick = 1


app = App()
stack = Stack(app, "PrefixCatalog")
secret = app.node.get_context("secret")
warmer = WithWorkers(
    stack,
    "Warmer",
    prefixes=[app.node.get_context("prefixes")],
    credentials=Credentials.secret(
        secretsmanager.Secret.from_secret_complete_arn(stack, "Key", secret)
    ),
    keep_warm=KeepWarm.ski(),
    calls_per_minute=10_000,
    runtime=lambda_.Runtime(app.node.get_context("runtime"), lambda_.RuntimeFamily.PYTHON),
    dashboard=False,
)
assert warmer.keep_warm
warmer.keep_warm.configure({"ANTHROPIC_BASE_URL": app.node.get_context("base_url")})
CfnOutput(stack, "TableName", value=warmer.table.table_name)
CfnOutput(stack, "KeepWarmName", value=warmer.keep_warm.function.function_name)
app.synth()
