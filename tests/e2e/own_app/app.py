"""A user's app: an agent with a layer and a secret of its own, other resources, several stacks."""

from __future__ import annotations

import platform
import sys

from aws_cdk import App, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm_cdk import Credentials, KeepWarm, PrefixWarmer

RUNTIME = lambda_.Runtime(f"python3.{sys.version_info.minor}", lambda_.RuntimeFamily.PYTHON)
ARM = platform.machine().lower() in ("aarch64", "arm64")
ARCHITECTURE = lambda_.Architecture.ARM_64 if ARM else lambda_.Architecture.X86_64

app = App()
data = Stack(app, "Data")
bucket = s3.Bucket(data, "Files", auto_delete_objects=True, removal_policy=RemovalPolicy.DESTROY)
table = dynamodb.TableV2(
    data,
    "Orders",
    partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
    removal_policy=RemovalPolicy.DESTROY,
)

agents = Stack(app, "Agents")
key = secretsmanager.Secret.from_secret_name_v2(agents, "Key", "shop/claude-key")
tone = lambda_.LayerVersion(agents, "Tone", code=lambda_.Code.from_asset("tone"))
agent = lambda_.Function(
    agents,
    "Agent",
    code=lambda_.Code.from_asset("agent"),
    handler="handler.handler",
    runtime=RUNTIME,
    architecture=ARCHITECTURE,
    layers=[tone],
    timeout=Duration.seconds(3),
    environment={
        "KEY": key.secret_name,
        "BUCKET": bucket.bucket_name,
        "ORDERS": table.table_name,
        "TONE": app.node.get_context("tone"),
        "ANTHROPIC_BASE_URL": "https://gateway.example.org",
        "AWS_ENDPOINT_URL_S3": "https://bucket.vpce.example.org",
    },
)
key.grant_read(agent)
table.grant_read_write_data(agent)
bucket.grant_read_write(agent)
warmer = PrefixWarmer(
    agents,
    "Warmer",
    prefixes=["prefixes"],
    credentials=Credentials.secret(key),
    keep_warm=KeepWarm.ski(),
)
warmer.attach(agent)
CfnOutput(agents, "AgentName", value=agent.function_name)

# Not needed by the agent, and nothing that this machine could deploy.
Stack(app, "Website", env={"account": "210987654321", "region": "eu-west-1"})
app.synth()
