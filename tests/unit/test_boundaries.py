"""Whatever comes in from outside: a value or one declared error, at every boundary, and no hang."""

from __future__ import annotations

import json
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import (
    CredentialsError,
    PrefixFileError,
    PrefixwarmError,
    SettingsError,
    StateError,
    StateItemError,
    UsageError,
)
from prefixwarm.keepwarm.ask_event import AskEvent
from prefixwarm.keepwarm.fan_out import Message
from prefixwarm.prefix import manifest
from prefixwarm.prefix.compiled import WarmCall, compile_prefix
from prefixwarm.prefix.file_form import dumps, reads
from prefixwarm.prefix.prefix_file import build
from prefixwarm.provider.client import Provider
from prefixwarm.provider.federation import AccessTokens
from prefixwarm.provider.identity import identity_token
from prefixwarm.provider.routes import CONVERSE, ROUTES
from prefixwarm.settings import Settings
from prefixwarm.state.item import state_of
from prefixwarm.state.keepwarm_items import due_states, ledger_of, pause_of
from prefixwarm.state.memory import FileState, MemoryState
from prefixwarm.state.model import LeaseRequest
from prefixwarm.state.store import StateStore
from prefixwarm.state.table_call import signed_calls
from prefixwarm.warm.acquire import without_lease
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.credentials import aws_credentials, fetch_secret
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import Response
from prefixwarm.wire.sigv4 import AwsCredentials
from tests.helpers.derived import derive
from tests.helpers.garbage import check, garbled, garbled_bytes, garbled_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from random import Random

    from prefixwarm.wire.http import Request
    from tests.conftest import Tried

KEY = "state/anthropic/-/default/support/claude-sonnet-5-5/0123456789abcdef0123456789abcdef"
SOON = Deadline.after(36_000)
NOW = 1_763_700_000.0
ENVIRON = {
    "AWS_REGION": "eu-west-1",
    "ANTHROPIC_API_KEY": "key",
    "AWS_BEARER_TOKEN_BEDROCK": "key",
    "ANTHROPIC_AWS_API_KEY": "key",
    "ANTHROPIC_AWS_WORKSPACE_ID": "w",
}
ITEM = {
    "pk": {"S": KEY},
    "version": {"N": "1"},
    "name": {"S": "support"},
    "warm_until": {"N": "1763700000.5"},
    "granted_ttl": {"N": "3600"},
    "lease_owner": {"S": "a"},
    "lease_until": {"N": "1763700030"},
    "lease_unsent": {"S": "a"},
    "lease_token": {"N": "3"},
    "functions": {"SS": ["agent"]},
    "spent_usd": {"N": "0.5"},
    "learned": {"S": "AAAA"},
    "backoff_until": {"N": "1"},
    "reason": {"S": "because"},
    "outcome_written": {"N": "2"},
}
REQUEST = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 16,
    "tools": [{"name": "t", "input_schema": {"type": "object", "properties": {"a": {}}}}],
    "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
    "messages": [{"role": "user", "content": "hello"}],
}
PREFIX = build("support", derive(REQUEST), headers={"anthropic-version": "2023-06-01"})
CALL = compile_prefix(PREFIX)
USAGE = {
    "input_tokens": 3,
    "output_tokens": 0,
    "cache_creation_input_tokens": 5000,
    "cache_read_input_tokens": 0,
    "cache_creation": {"ephemeral_1h_input_tokens": 5000, "ephemeral_5m_input_tokens": 0},
    "cacheWriteInputTokens": 1,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 5}],
}
REPLY = {
    "id": "msg_1",
    "usage": USAGE,
    "error": {"type": "overloaded_error", "message": "no", "details": {"error_code": "x"}},
}
HEADERS = (
    *({}, {"retry-after": "7"}, {"retry-after": "Fri, 31 Dec 99999999999 23:59:59 GMT"}),
    *({"retry-after": "1e400"}, {"retry-after": "-"}, {"x-amzn-errortype": "\x1b[2J:x"}),
    *({"date": "Sat, 99 Nov 2026 99:99:99 GMT"}, {"date": "Sat, 28 Nov 9999999 03:00:00 GMT"}),
)
STATUSES = (200, 200, 200, 400, 401, 403, 404, 408, 413, 429, 500, 529, 204, 999)


class Replies:
    """A transport whose every reply is garbage."""

    def __init__(
        self, draw: Random, document: object, statuses: tuple[int, ...] = STATUSES
    ) -> None:
        self.draw = draw
        self.document = document
        self.statuses = statuses
        self.sent: Response | None = None

    def send(self, request: Request, deadline: Deadline) -> Response:
        """See `Transport`."""
        del request, deadline
        self.sent = Response(
            status=self.draw.choice(self.statuses),
            headers=dict(self.draw.choice(HEADERS)),
            body=garbled_bytes(self.document, self.draw),
            first_byte_after=0.1,
        )
        return self.sent


def aws(transport: Replies) -> AwsClient:
    """AWS behind that transport."""
    keys = AwsCredentials(access_key="a", secret_key="b")
    return AwsClient(transport=transport, credentials=lambda _: keys, environ=ENVIRON)


def settings_of(draw: Random) -> Settings:
    """Settings of an environment in which several variables hold anything."""
    names = [
        *("PREFIXWARM_TABLE", "PREFIXWARM_INIT", "PREFIXWARM_INIT_HOLD_MS", "PREFIXWARM_GATE_MS"),
        *("PREFIXWARM_DISABLED", "PREFIXWARM_CACHE_SCOPE", "PREFIXWARM_FUNCTIONS"),
        *("PREFIXWARM_API_KEY_SECRET", "PREFIXWARM_DEPLOYMENT", "PREFIXWARM_LATENCY_VALUE"),
        *("PREFIXWARM_METRICS", "PREFIXWARM_INIT_USD_PER_WEEK", "PREFIXWARM_INIT_HINT_MS"),
        *("PREFIXWARM_MANIFEST", "PREFIXWARM_QUEUE", "PREFIXWARM_PREFIXES", "PREFIXWARM_FIRST"),
    ]
    environ = {name: str(garbled(draw.choice(names), draw)) for name in draw.sample(names, 3)}
    return Settings.from_environment(environ)


def test_items(tried: Tried) -> None:
    """Of states, ledgers and routes; one by one, and as the index lists them."""
    readers = cycle(
        (
            lambda item: state_of(KEY, item),
            lambda item: ledger_of(KEY, "2026-11-28", item),
            lambda item: pause_of("route/anthropic/-/default", item),
        )
    )
    check("items", lambda draw: next(readers)(garbled(ITEM, draw)), StateItemError, tried)

    def listed(draw: Random) -> None:
        due = due_states([garbled(ITEM, draw), ITEM, garbled(ITEM, draw)])
        assert len(due.states) + len(due.unreadable) == 3
        assert due.states

    check("the index's items", listed, (), tried)


def test_prefix_files(tried: Tried) -> None:
    """What is accepted can be compiled and written."""
    document = json.loads(dumps(PREFIX))

    def read(draw: Random) -> None:
        prefix = reads(garbled_bytes(document, draw), "a.prefix.json")
        compile_prefix(prefix).to_bytes()
        dumps(prefix)

    check("prefix files", read, PrefixFileError, tried)


def test_compiled_prefixes(tried: Tried, tmp_path: Path) -> None:
    """In memory and in a file; what is accepted can be sent."""
    line, _, body = CALL.to_bytes().partition(b"\n")
    head, path = json.loads(line), tmp_path / "a.warm"

    def read(draw: Random) -> None:
        data = garbled_bytes(head, draw) + b"\n" + body
        if draw.random() < 0.1:
            data = data[: draw.randrange(len(data))]
        path.write_bytes(data)
        call = draw.choice((WarmCall.from_bytes(data, "a"), WarmCall.from_file(str(path))))
        call.with_ttl(300).with_max_tokens(call.least_tokens)

    check("compiled prefixes", read, PrefixFileError, tried)


def test_manifests(tried: Tried) -> None:
    """A manifest's entries, policy and numbers."""
    entry = manifest.Entry.of(PREFIX, "prefixes/support.json").document()
    policy = {"rule": "hazard", "hours": "08:00-20:00", "weekdays": "mon-fri"}
    document = {
        "format": manifest.FORMAT,
        "prefixes": [entry, entry],
        "policy": policy,
        "budget_usd_per_day": 1.0,
        "calls_per_minute": 60,
    }
    policies = cycle(("auto", policy))

    def read(draw: Random) -> None:
        parsed = manifest.parse(
            garbled_bytes({**document, "policy": next(policies)}, draw), "m.json"
        )
        parsed.to_json()

    check("manifests", read, SettingsError, tried)


def test_queue_messages(tried: Tried) -> None:
    """ValueError is what makes a worker drop one."""
    message = Message(KEY, "support", "refresh", "due", NOW, NOW + 90, NOW + 60)
    check(
        "queue messages",
        lambda draw: Message.parse(garbled_text(json.loads(message.text), draw)).due_at,
        (ValueError, RecursionError),
        tried,
    )


def test_events(tried: Tried) -> None:
    """What EventBridge or a caller sends to the keep-warm function."""
    ask = {"warm": ["support"], "wait": True, "needed_for_seconds": 300, "function": "agent"}
    events = cycle((ask, {"source": "prefixwarm.ask", "detail": ask}, {"source": "aws.scheduler"}))
    check("events", lambda draw: AskEvent.of(garbled(next(events), draw)), UsageError, tried)


def test_settings(tried: Tried) -> None:
    """Of the environment."""
    check("settings", settings_of, SettingsError, tried)


@pytest.mark.parametrize("route", sorted(ROUTES))
def test_provider_replies(route: str, tried: Tried) -> None:
    """On every route: the sender raises ours alone, an attempt never, and the state stays whole."""
    usage = {"inputTokens": 3, **USAGE} if route == CONVERSE else USAGE
    call = CALL.replace(route=route)

    def read(draw: Random) -> None:
        transport = Replies(draw, {**REPLY, "usage": usage})
        provider = Provider(transport, aws(transport), None, ENVIRON)
        store, options = MemoryState(), CallOptions(key=KEY, owner="a", needed_until=NOW)
        attempt = without_lease(call, SOON, options=options, store=store)
        attempt.send(provider)
        outcome = attempt.record()
        assert "not recorded" not in outcome.reason
        assert "unexpected" not in outcome.reason, outcome.reason
        store.read(KEY, SOON)
        provider.send(call, 0, SOON)

    check(f"provider replies, {route}", read, PrefixwarmError, tried)


def test_secrets_and_parameters(tried: Tried) -> None:
    """What Secrets Manager and SSM reply."""
    secret = "arn:aws:secretsmanager:eu-west-1:1:secret:key-abc"
    documents = cycle(
        (
            (secret, {"SecretString": '{"api_key": "sk"}'}),
            ("/key", {"Parameter": {"Value": '{"a": "sk"}', "Name": "/key"}}),
            (secret, {"SecretString": "sk"}),
        )
    )

    def read(draw: Random) -> str:
        reference, document = next(documents)
        return fetch_secret(reference, aws(Replies(draw, document)), SOON)

    check("secrets and parameters", read, CredentialsError, tried)


def test_credential_endpoints(tried: Tried) -> None:
    """What the container's endpoint replies."""
    document = {
        "AccessKeyId": "a",
        "SecretAccessKey": "b",
        "Token": "c",
        "Expiration": "2026-11-28T03:00:00Z",
    }
    environ = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/c"}

    def read(draw: Random) -> AwsCredentials:
        return aws_credentials(environ, Replies(draw, document, (200, 200, 404)))(SOON)

    check("credential endpoints", read, CredentialsError, tried)


def test_identity_tokens(tried: Tried, tmp_path: Path) -> None:
    """In files, as STS gives them, and what the Claude API gives for them."""
    file = tmp_path / "token"
    environ = {
        **ENVIRON,
        "ANTHROPIC_FEDERATION_RULE_ID": "r",
        "ANTHROPIC_ORGANIZATION_ID": "o",
        "ANTHROPIC_IDENTITY_TOKEN": "t",
    }
    granted = {"access_token": "t", "expires_in": 3600, "error": {"type": "invalid_grant"}}

    def exchanged(draw: Random) -> str:
        transport = Replies(draw, granted)
        tokens = AccessTokens("https://api.example", transport, aws(transport), environ)
        return tokens.current(SOON).key

    def in_file(draw: Random) -> str:
        file.write_bytes(garbled_bytes("token", draw))
        where = {**ENVIRON, "ANTHROPIC_IDENTITY_TOKEN_FILE": str(file)}
        return identity_token(aws(Replies(draw, {})), where, SOON)

    check("access tokens", exchanged, CredentialsError, tried)
    check("identity tokens in files", in_file, CredentialsError, tried)
    document = ["<WebIdentityToken>t</WebIdentityToken>", 1, 2]
    check(
        "identity tokens of STS",
        lambda draw: identity_token(aws(Replies(draw, document)), ENVIRON, SOON),
        CredentialsError,
        tried,
    )


def table_operations(store: StateStore) -> Iterator[Callable[[], object]]:
    """What callers ask of a table."""
    request = LeaseRequest(name="s", owner="a", now=NOW, seconds=9, needed_until=NOW)
    paid = request.replace(allowance_usd=0.5, week_usd=1.0, week_ends=NOW + 9)
    yield lambda: store.read(KEY, SOON)
    yield lambda: store.take_lease(KEY, request, SOON)
    yield lambda: store.take_lease(KEY, paid, SOON)
    yield lambda: store.due(NOW, 10, SOON)
    yield lambda: store.ledger(KEY, ["2026-11-27", "2026-11-28"], SOON)
    yield lambda: store.ledger(KEY, ["2026-11-28"], SOON)
    yield lambda: store.read_pause("route/anthropic/-/default", SOON)
    yield store.now


def test_table_replies(tried: Tried) -> None:
    """What DynamoDB, or what stands in its place, replies."""
    documents = cycle(
        (
            {"Item": ITEM},
            {"Attributes": ITEM},
            {"Items": [ITEM, ITEM]},
            {"Responses": {"t": [ITEM]}, "UnprocessedKeys": {}},
            {"__type": "x#ConditionalCheckFailedException", "Item": ITEM},
            {"__type": "x#TransactionCanceledException", "CancellationReasons": [{"Code": "None"}]},
            {"__type": "x#ThrottlingException"},
        )
    )

    def read(draw: Random) -> None:
        transport = Replies(draw, next(documents), (200, 200, 400))
        store = StateStore("t", at_once(transport))
        draw.choice(list(table_operations(store)))()

    check("table replies", read, StateError, tried)


def at_once(transport: Replies) -> Any:
    """Calls that say of a busy table that it cannot be reached: nothing is to be waited for."""
    call = signed_calls(aws(transport))

    def calls(operation: str, parameters: dict[str, Any], deadline: Deadline) -> Any:
        del deadline
        return call(operation, parameters, Deadline.after(0.02))

    return calls


def test_state_files(tried: Tried, tmp_path: Path) -> None:
    """A state file that anything may have written."""
    path = tmp_path / "state.json"
    document = {"format": "prefixwarm-state/2", "items": {KEY: ITEM}}

    def read(draw: Random) -> None:
        path.write_bytes(garbled_bytes(document, draw))
        store = FileState(path)
        draw.choice(list(table_operations(store)))()

    check("state files", read, StateError, tried)
