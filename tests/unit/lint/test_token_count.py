"""What providers answer to a count, and what is no count."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prefixwarm.errors import ProtocolError
from prefixwarm.lint.token_count import count_tokens
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import Response
from tests.helpers.agents import request_of
from tests.helpers.prefixes import make_prefix


class Counts:
    """A provider that gives these counts in turn."""

    def __init__(self, *counts: Any) -> None:
        self._counts = list(counts)

    def ask(self, *_: object) -> Response:
        """See `Provider`."""
        body = json.dumps(self._counts.pop(0)).encode()
        return Response(status=200, headers={}, body=body, first_byte_after=0.0)


def counted(*replies: Any) -> int:
    """The prefix's count by these replies."""
    provider: Any = Counts(*replies)
    prefix = make_prefix("support", request_of("support"))
    return count_tokens(prefix, provider, {}, Deadline.after(60))


def test_the_placeholder_is_not_counted() -> None:
    assert counted({"input_tokens": 2710}, {"input_tokens": 10}) == 2700
    assert counted({"inputTokens": 2710}, {"inputTokens": 10}) == 2700


@pytest.mark.parametrize("bad", [-1, True, "2710", 2710.0, None, 10**400, float("nan"), [2710]])
def test_an_absurd_count_is_none(bad: Any) -> None:
    with pytest.raises(ProtocolError, match="has no token count"):
        counted({"input_tokens": bad}, {"input_tokens": 10})


@pytest.mark.parametrize("reply", [[], "text", 5, None, {}])
def test_a_reply_without_a_count(reply: Any) -> None:
    with pytest.raises(ProtocolError):
        counted(reply)


def test_a_prefix_adds_tokens() -> None:
    with pytest.raises(ProtocolError, match="fewer tokens with the prefix"):
        counted({"input_tokens": 10}, {"input_tokens": 11})
