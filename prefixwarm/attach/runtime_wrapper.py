"""The layer's wrapper script, which starts a function's runtime with observation."""

from __future__ import annotations

# https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
VARIABLE = "AWS_LAMBDA_EXEC_WRAPPER"
WRAPPER = "/opt/prefixwarm/wrapper"


def refusal(runtime: str) -> str:
    """Why the wrapper cannot start this runtime, or ""."""
    if runtime.startswith("python"):
        return ""
    return f'observe="auto" needs a Python runtime, and this is {runtime}; leave it out'
