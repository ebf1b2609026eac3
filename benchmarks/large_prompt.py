"""Measures the CPU seconds of `check` and `capture` for a prompt of 6 MB.

Run: python benchmarks/large_prompt.py
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

from prefixwarm.capture.captured_request import CapturedRequest
from prefixwarm.capture.extract import prefixes_from_requests
from prefixwarm.lint.file_rules import check
from prefixwarm.prefix.prefix_file import load, write

_BYTES = 5_800_000
_VOLATILE = ("2026-11-21", "at 14:05", "request 7", "a1b2c3d4e5f60718", "1234")


def text(size: int) -> str:
    """Words, one in fifty of them with digits."""
    numbers = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(numbers.choices(letters, k=numbers.randint(2, 9))) for _ in range(5000)]
    words += [numbers.choice(_VOLATILE) for _ in range(100)]
    return " ".join(numbers.choices(words, k=size // 6))[:size]


def body(system: str, question: str) -> dict[str, Any]:
    """A request with one large system block."""
    marker = {"type": "ephemeral", "ttl": "1h"}
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": system, "cache_control": marker}],
        "messages": [{"role": "user", "content": question}],
    }


def main() -> None:
    """Print one JSON object."""
    system = text(_BYTES)
    sent = [json.dumps(body(system, question)) for question in "ab"]
    headers = {"anthropic-version": "2023-06-01"}
    started = process_time()
    requests = [CapturedRequest("anthropic", headers, json.loads(one)) for one in sent]
    (agent,) = prefixes_from_requests(requests, name="large")
    assert agent.prefix is not None
    with tempfile.TemporaryDirectory() as folder:
        path = write(agent.prefix, Path(folder))
        captured = process_time()
        findings = check(load(path))
        checked = process_time()
    result = {
        "bytes": len(sent[0]),
        "findings": len(findings),
        "capture_seconds": round(captured - started, 2),
        "check_seconds": round(checked - captured, 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
