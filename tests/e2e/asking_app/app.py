"""A warmer and an agent in a runtime without Python, for `test_asking`."""

from aws_cdk import App, CfnOutput, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm_cdk import Credentials, PrefixWarmer

app = App()
stack = Stack(app, "Asking")
secret = app.node.get_context("secret")
base_url = app.node.get_context("base_url")
agent = lambda_.Function(
    stack,
    "Agent",
    runtime=lambda_.Runtime.NODEJS_22_X,
    handler="index.handler",
    code=lambda_.Code.from_asset(app.node.get_context("agent")),
    environment={
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": app.node.get_context("key"),
    },
)
warmer = PrefixWarmer(
    stack,
    "Warmer",
    prefixes=[app.node.get_context("prefixes")],
    credentials=Credentials.secret(
        secretsmanager.Secret.from_secret_complete_arn(stack, "Key", secret)
    ),
    runtime=lambda_.Runtime(app.node.get_context("runtime"), lambda_.RuntimeFamily.PYTHON),
)
warmer.attach(agent)
assert warmer.keep_warm
warmer.keep_warm.configure({"ANTHROPIC_BASE_URL": base_url})
CfnOutput(stack, "TableName", value=warmer.table.table_name)
CfnOutput(stack, "AgentName", value=agent.function_name)
CfnOutput(stack, "KeepWarmName", value=warmer.keep_warm.function.function_name)
app.synth()
