"""Stored keys: one for all routes, or one each."""

from __future__ import annotations

from typing import Any, cast

import pytest

from prefixwarm.provider.keys import stored_keys

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:claude-AbCdEf"
# Names of secrets may hold these: letters, digits and /_+=.@-
ODD = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/a=b+c@d_e.f-AbCdEf"


@pytest.mark.parametrize(
    ("text", "routes"),
    [
        (None, {}),
        ("", {}),
        (ARN, {"": ARN}),
        ("/claude/key", {"": "/claude/key"}),
        (f"anthropic={ARN}", {"anthropic": ARN}),
        (f"anthropic={ARN} bedrock=/b/key", {"anthropic": ARN, "bedrock": "/b/key"}),
        (f"bedrock=/b/key {ARN}", {"bedrock": "/b/key", "": ARN}),
        (ODD, {"": ODD}),
        (f"anthropic={ODD} bedrock={ODD}", {"anthropic": ODD, "bedrock": ODD}),
    ],
)
def test_references_by_route(text: str | None, routes: dict[str, str]) -> None:
    """A reference without a route holds for every other one."""
    keys = stored_keys(text, cast("Any", None))
    assert {route: key.reference for route, key in keys.items()} == routes
