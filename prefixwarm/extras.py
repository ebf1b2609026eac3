"""Says what to install where an optional dependency is missing."""

from __future__ import annotations

import importlib.util
import platform
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# The smallest extra that brings a module.
EXTRAS = {
    "anthropic": "demo",
    "aws_cdk": "cdk",
    "aws_lambda_powertools": "keepwarm",
    "boto3": "cli",
    "botocore": "cli",
    "click": "cli",
    "constructs": "cdk",
    "genai_prices": "simulator",
    "httptools": "simulator",
    "jsii": "cdk",
    "jsonschema": "simulator",
    "ministack": "demo",
    "orjson": "simulator",
    "uvloop": "simulator",
}


def install(what: str, module: str, extra: str = "") -> str:
    """Say in one line what is missing and how to install it.

    Parameters
    ----------
    what : str
        What needs it: a command, or a package.
    module : str
        The module that cannot be imported.
    extra : str
        The extra to name; by default the smallest one that brings the module.
    """
    top = module.partition(".")[0]
    return f"{what} needs {top}: pip install 'prefixwarm[{extra or EXTRAS[top]}]'"


def missing() -> list[str]:
    """Optional modules that are not installed, in the order of their names."""
    # uvloop does not exist for Windows, and its extra does not ask for it there.
    absent = {"uvloop"} if platform.system() == "Windows" else set()
    return [name for name in EXTRAS if name not in absent and not importlib.util.find_spec(name)]


def is_optional(module: str | None) -> bool:
    """Whether an extra brings the module."""
    return (module or "").partition(".")[0] in EXTRAS


@contextmanager
def needed_by(what: str) -> Iterator[None]:
    """Turn a missing optional dependency into one line that says what to install.

    Parameters
    ----------
    what : str
        The package that needs it.

    Raises
    ------
    ModuleNotFoundError
        Naming the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not is_optional(error.name):
            raise
        raise ModuleNotFoundError(install(what, str(error.name)), name=error.name) from None
