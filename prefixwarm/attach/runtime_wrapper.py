"""The layer's wrapper, through which a function's runtime starts to be observed from the start."""

from __future__ import annotations

# https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
VARIABLE = "AWS_LAMBDA_EXEC_WRAPPER"
WRAPPER = "/opt/prefixwarm/wrapper"


def refusal(runtime: str) -> str:
    """Why a function of this runtime cannot be started so; empty where it can."""
    if runtime.startswith("python"):
        return ""
    return f'observe="auto" needs a Python runtime, and this is {runtime}; leave it out'
