"""One prefix, and clients of every route to one simulated provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import boto3
import pytest

from prefixwarm import Prefix
from prefixwarm.simulator import AwsKey
from prefixwarm.testing import simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator import Simulator

MODEL = "claude-sonnet-5-5"
SYSTEM = "You are the support agent of a shop for bicycle parts. " * 150
QUESTION = [{"role": "user", "content": "Where is my order?"}]
PAIR = {"aws_access_key": "AKIAEXAMPLE", "aws_secret_key": "secret", "aws_region": "eu-west-1"}


def support(**changes: Any) -> Prefix:
    """The prefix of these tests."""
    return Prefix("support", **{"model": MODEL, "system": SYSTEM, **changes})


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A simulator that verifies signatures, on a clock of its own."""
    with simulator(aws_keys={"AKIAEXAMPLE": AwsKey("secret")}) as running:
        yield running


@pytest.fixture
def client(sim: Simulator) -> Iterator[anthropic.Anthropic]:
    """The Claude API's client."""
    with anthropic.Anthropic(api_key="k", base_url=sim.url, max_retries=0) as client:
        yield client


def runtime(sim: Simulator) -> Any:
    """boto3's client of Bedrock's runtime."""
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=sim.url,
        region_name="eu-west-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
    )
