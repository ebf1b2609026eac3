"""One function with one layer."""

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_lambda

HERE = Path(__file__).parent

app = cdk.App()
stack = cdk.Stack(app, "Trivial", env=cdk.Environment(account="123456789012", region="us-east-1"))
runtime = aws_lambda.Runtime(app.node.get_context("runtime"), aws_lambda.RuntimeFamily.PYTHON)
layer = aws_lambda.LayerVersion(
    stack, "Layer", code=aws_lambda.Code.from_asset(str(HERE / "layer"))
)
function = aws_lambda.Function(
    stack,
    "Function",
    runtime=runtime,
    handler="handler.handler",
    code=aws_lambda.Code.from_asset(str(HERE / "code")),
    layers=[layer],
    timeout=cdk.Duration.seconds(7),
    environment={"STACK": stack.stack_name},
)
cdk.CfnOutput(stack, "FunctionName", value=function.function_name)
app.synth()
