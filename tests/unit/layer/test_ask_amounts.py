"""The launcher's asker writes amounts as every other part does."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import prefixwarm_layer
from prefixwarm.amounts import dollars

ASK = Path(prefixwarm_layer.__file__).with_name("ask.sh")


def test_amounts_are_those_of_the_extension() -> None:
    """In millionths of a dollar; halves may be rounded to either side."""
    draw = random.Random(7)
    amounts = [1, 99, 100, 999, 1000, 9999, 10_000, 99_999, 100_000, 240_000, 999_499, 999_500]
    amounts += [1_000_000, 12_345_678, *(int(10 ** draw.uniform(0, 6.5)) for _ in range(500))]
    amounts = [amount for amount in amounts if not re.fullmatch(r"\d{3}50*", str(amount))]
    function = re.search(r"^dollars\(\) \{.*?^\}", ASK.read_text(), re.MULTILINE | re.DOTALL)
    assert function is not None
    script = f'{function[0]}\nfor amount; do dollars "$amount"; printf "%s\\n" "$REPLY"; done'
    command = ["bash", "-c", script, "ask", *map(str, amounts)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert shown == [dollars(amount / 1e6) for amount in amounts]
