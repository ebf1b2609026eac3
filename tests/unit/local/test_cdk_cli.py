"""What is said when the CDK CLI fails."""

from __future__ import annotations

import pytest

from prefixwarm.local.cdk_cli import _reason


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("Error: spawnSync docker ENOENT\n", "an asset of the app is bundled with Docker"),
        ("ERROR: Cannot connect to the Docker daemon at unix:///x\n", "bundled with Docker"),
        (
            "Context lookups have been disabled.\nMissing context keys: 'vpc-provider:account=1'",
            r"looks something up in an AWS account.*\('vpc-provider:account=1'\)$",
        ),
        ("a\nValueError: broken\nb\n", "^ValueError: broken$"),
        ("a\nlast\n\n", "^last$"),
        ("", "failed without a message"),
    ],
)
def test_failure_is_one_line_that_helps(text: str, meaning: str) -> None:
    """The cause and what to do where it is known; else the line that says most."""
    reason = _reason(text)
    assert "\n" not in reason
    with pytest.raises(ValueError, match=meaning):
        raise ValueError(reason)
