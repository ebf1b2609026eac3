"""What the tests of the extension run in: AWS's emulator, a real table, the simulated provider."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
import uuid
import zipfile
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixwarm.capture.file_prices import prices_of
from prefixwarm.local.emulated_function import Function
from prefixwarm.local.emulator import Environment, Invocation
from prefixwarm.prefix import prefix_file
from prefixwarm_layer.zips import build_layer
from tests.helpers.derived import derive
from tests.helpers.state_table import create_state_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.local.toolchain import Tools
    from prefixwarm.simulator import Simulator


TABLE = "warm-state"
KEY = "sk-ant-test-0123456789abcdef"
PROMPT = "You are the support agent of a bicycle shop. "
# What it answers depends on nothing but the event, so that two answers can be compared.
PLAIN = """
def handler(event, context):
    return {"answer": "none of the extension's business", "event": event}
"""
# What it answers to {"n": 1}.
ANSWER = {"answer": "none of the extension's business", "event": {"n": 1}}
ENDED = "the environment ended before the reply came"
_ASK = """
import json, os, urllib.request

def handler(event, context):
    call = urllib.request.Request(
        os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages",
        data=json.dumps({**REQUEST, "max_tokens": 16}).encode(),
        headers={
            "content-type": "application/json",
            "anthropic-version": "2023-06-01",
            "x-api-key": os.environ["ANTHROPIC_API_KEY"],
        },
    )
    return json.load(urllib.request.urlopen(call, timeout=29))["usage"]
"""


def request(name: str, ttl: str = "1h") -> dict[str, Any]:
    """An agent's request whose prefix of some thousand tokens is named."""
    text = f"Prefix {name}. " + PROMPT * 400
    marker = {"type": "ephemeral", "ttl": ttl}
    return {
        "model": "claude-sonnet-5-5",
        "system": [{"type": "text", "text": text, "cache_control": marker}],
        "messages": [{"role": "user", "content": "hello"}],
    }


def write_prefix(folder: Path, name: str, asks_as: str = "") -> Path:
    """The prefix file of `request(name)`, or of another request under this name."""
    folder.mkdir(parents=True, exist_ok=True)
    warm = derive({**request(asks_as or name), "max_tokens": 16})
    prices = prices_of(warm, "anthropic", 0)
    headers = {"anthropic-version": "2023-06-01"}
    prefix = prefix_file.build(name, warm, headers=headers, prices=prices)
    path = prefix_file.write(prefix, folder)
    path.chmod(0o644)  # functions run as another user
    return path


def unzipped_layer(folder: Path, prefixes: Sequence[Path]) -> Path:
    """The layer as it is deployed, laid out as Lambda does."""
    archive = build_layer(folder / "layer.zip", prefixes)
    target = folder / "layer"
    with zipfile.ZipFile(archive) as content:
        for entry in content.infolist():
            Path(content.extract(entry, target)).chmod(entry.external_attr >> 16 & 0o777)
    return target


def changed_layer(layer: Path, folder: Path, changes: Mapping[str, str | bytes]) -> Path:
    """A copy of the layer with other contents of these files, by path, or with more of them."""
    target = folder / uuid.uuid4().hex
    shutil.copytree(layer, target, copy_function=os.link)
    for name, content in changes.items():
        mode = (layer / name).stat().st_mode if (layer / name).exists() else 0o644
        (target / name).unlink(missing_ok=True)
        (target / name).write_bytes(content.encode() if isinstance(content, str) else content)
        (target / name).chmod(mode)
    return target


def patience(reason: str) -> dict[str, str]:
    """A shorter hold where nothing ever comes, in which a busy machine begins the warm process."""
    return {"PREFIXWARM_INIT_HOLD_MS": "3000"} if reason == ENDED else {}


def create_table(aws: LocalAws, name: str = TABLE) -> None:
    """The warm state's table, as the construct makes it."""
    create_state_table(aws, name)


@dataclass(frozen=True)
class Started:
    """One environment after its first invocation and its end."""

    answer: Invocation
    log: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The extension's log lines."""
        written = [line for line in self.log.splitlines() if line.startswith("{")]
        parsed = [json.loads(line) for line in written]
        return [line for line in parsed if line.get("by") == "init"]

    @property
    def line(self) -> dict[str, Any]:
        """The extension's only log line."""
        (line,) = self.lines
        return line


@dataclass
class Bench:
    """One test's view of the parts; its warm states are its own."""

    tools: Tools
    aws: LocalAws
    provider: Simulator
    layer: Path
    folder: Path
    scope: str = field(default_factory=lambda: uuid.uuid4().hex)

    def code(self, source: str) -> Path:
        """A folder with this handler."""
        folder = self.folder / uuid.uuid4().hex
        folder.mkdir()
        (folder / "handler.py").write_text(source)
        return folder

    def function(self, code: Path, **env: str) -> Function:
        """A function with the layer and the settings that `attach` gives it."""
        settings = {
            **self.aws.environment(),
            "ANTHROPIC_BASE_URL": self.provider.url,
            "ANTHROPIC_API_KEY": KEY,
            "PREFIXWARM_TABLE": TABLE,
            "PREFIXWARM_CACHE_SCOPE": self.scope,
            # Long, so that the warm call comes first on a busy machine, too.
            "PREFIXWARM_INIT_HOLD_MS": "9000",
            **env,
        }
        variables = {name: value for name, value in settings.items() if value}
        return Function(code, layers=(self.layer,), env=variables, timeout=30)

    def asking(self, name: str = "support", **env: str) -> Function:
        """A function whose request has the prefix of this name; it returns the usage."""
        return self.function(self.code(f"REQUEST = {request(name)!r}\n{_ASK}"), **env)

    def plain(self, **env: str) -> Function:
        """A function that never talks to anyone."""
        return self.function(self.code(PLAIN), **env)

    def start(
        self,
        function: Function,
        event: object = None,
        prepared: Callable[[Environment], AbstractContextManager[None]] = nullcontext,
        **options: Any,
    ) -> Started:
        """Start an environment, prepare it, invoke it once, and end it."""
        with self.environment(function, **options) as environment, prepared(environment):
            answer = environment.invoke(event)
            return Started(answer, environment.close())

    @contextmanager
    def environment(self, function: Function, **options: Any) -> Iterator[Environment]:
        """A started environment."""
        with Environment(function, tools=self.tools, **options) as environment:
            yield environment

    def with_prefixes(self, function: Function, *names: str) -> Function:
        """The function with prefix files of its own in its code."""
        for name in names:
            write_prefix(function.code / "prefixes", name)
        return replace(function, env={**function.env, "PREFIXWARM_PREFIXES": "/var/task/prefixes"})

    @cached_property
    def dynamodb(self) -> Any:
        """A client of the table's service."""
        return self.aws.client("dynamodb")

    def states(self) -> list[dict[str, Any]]:
        """This test's warm states, by attribute."""
        return [item for item in self.items() if not item["pk"].endswith("/-")]

    def shared(self) -> dict[str, Any]:
        """What all versions of this test's one prefix share."""
        (item,) = (item for item in self.items() if item["pk"].endswith("/-"))
        return item

    def items(self) -> list[dict[str, Any]]:
        """Both kinds."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=TABLE)
        items = [item for page in pages for item in page["Items"]]
        own = [item for item in items if f"/{self.scope}/" in item["pk"]["S"]]
        return [{k: next(iter(v.values())) for k, v in item.items()} for item in own]

    def warm_calls(self) -> list[dict[str, Any]]:
        """What reached the provider from a warmer, also while it has not been answered."""
        with urllib.request.urlopen(f"{self.provider.url}/_sim/requests?body=0") as reply:
            return [call for call in json.load(reply)["requests"] if call["warm"]]
