"""The package's public names: each is there, and none is loaded before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import prefixwarm

OPTIONAL = ("anthropic", "boto3", "botocore", "click", "genai_prices", "orjson", "pydantic")


@pytest.mark.parametrize("name", prefixwarm.__all__)
def test_each_name_is_there(name: str) -> None:
    """What `__all__` lists can be imported, and is the same object each time."""
    assert getattr(prefixwarm, name) is getattr(prefixwarm, name)


def test_other_names_are_not() -> None:
    """With the message of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Suffix'"):
        _ = prefixwarm.Suffix


def test_the_names_load_nothing_that_is_optional() -> None:
    """Neither an SDK nor a price database: the user may have none of them."""
    code = (
        f"import sys\nfrom prefixwarm import {', '.join(prefixwarm.__all__)}\nprint(*sys.modules)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(ran.stdout.split()).isdisjoint(OPTIONAL)


def test_the_names_of_warming_load_little() -> None:
    """What makes the calls is loaded by the first warmer."""
    code = "import sys\nfrom prefixwarm import Prefix, Warmer, WarmSchedule\nprint(*sys.modules)\n"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    costly = {"asyncio", "concurrent.futures", "dataclasses", "inspect", "logging", "ssl"}
    assert set(ran.stdout.split()).isdisjoint({*OPTIONAL, *costly})
