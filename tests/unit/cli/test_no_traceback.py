"""No traceback, whatever files, environment and arguments hold: one line, or an answer."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.cli.command_group import run
from prefixwarm.prefix.fingerprint import first_fingerprint
from tests.helpers.effort import chosen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUNS = chosen(dev=20, ci=40, full=1000)
CHUNKS = 5
# Nothing answers there, so that nothing waits.
NOBODY = "http://127.0.0.1:9"
ENVIRONMENT = {
    "ANTHROPIC_BASE_URL": NOBODY,
    "ANTHROPIC_API_KEY": "key",
    "AWS_ENDPOINT_URL": NOBODY,
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
VARIABLES = (
    *("PREFIXWARM_DISABLED", "PREFIXWARM_INIT", "PREFIXWARM_CACHE_SCOPE", "PREFIXWARM_FUNCTIONS"),
    *("PREFIXWARM_API_KEY_SECRET", "PREFIXWARM_DEPLOYMENT", "PREFIXWARM_LATENCY_VALUE"),
    *("AWS_REGION", "AWS_PROFILE", "HTTP_PROXY", "NO_PROXY", "ANTHROPIC_BASE_URL", "TZ"),
    *("ANTHROPIC_API_KEY", "PREFIXWARM_DIAGNOSE", "SSL_CERT_FILE", "COLUMNS", "NO_COLOR"),
)
WORDS = (
    "",
    "0",
    "-1",
    "1e400",
    "nan",
    "9" * 400,
    "off",
    "é",
    "\udce9",
    "\x1b[2J\u202e",
    "{}",
    "a b",
)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 10**400, float("inf"), float("nan"), 2**63, "", "x", "\ud800"),
    *("\x1b]0;x\x07\n", [], {}, [[]], {"": {}}, "9" * 400, ["a", 1], {"type": "text", "text": 5}),
)
RAW = (
    b"",
    b"{",
    b"[" * 5000,
    b"null",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"1\n2\nx\n",
    b"-5\n",
    b"\0",
)
MODULES = {
    "raises": "raise ValueError('no')",
    "leaves": "import sys; sys.exit(3)",
    "deep": "def f(): f()\nf()",
    "bad": "(",
    "odd": (
        "from prefixwarm.observe import Prefix\n"
        "class Odd(Prefix):\n    def __init__(self): pass\n"
        "P = Odd()\nQ = 5\n"
        "R = Prefix('r', model='m', system='s' * 99)\n"
    ),
}


class Case:
    """One run: its folder, its files, its arguments and its environment."""

    def __init__(self, seed: str, folder: Path, good: dict[str, bytes]) -> None:
        self._random = Random(seed)
        self._folder = folder
        self._good = good

    def file(self, kind: str) -> str:
        """The path of a file of that kind: as it should be, mutated, or no such thing."""
        chance = self._random.random()
        path = self._folder / str(self._random.randint(0, 9)) / f"agent{self._ending(kind)}"
        path.parent.mkdir(exist_ok=True)
        if chance < 0.05:
            return str(self._folder / "missing" / kind)
        if chance < 0.08:
            return str(self._folder)
        path.write_bytes(self._content(kind, chance))
        return str(path)

    def _ending(self, kind: str) -> str:
        return {"prefix": ".prefix.json", "arrivals": self._random.choice((".csv", ".jsonl"))}.get(
            kind, ".json"
        )

    def _content(self, kind: str, chance: float) -> bytes:
        if chance < 0.2:
            return self._random.choice(RAW)
        good = self._good[self._random.choice(list(self._good)) if chance < 0.25 else kind]
        if chance > 0.9:
            return good
        if chance < 0.35 or kind == "arrivals":
            at = self._random.randrange(len(good))
            return good[:at] + self._random.randbytes(2) + good[at + self._random.randint(0, 9) :]
        document = json.loads(good)
        for _ in range(self._random.choice((1, 1, 2, 5))):
            self._mutate(document)
        if kind == "prefix" and self._random.random() < 0.8:
            # Else the fingerprint alone would refuse nearly all of them.
            with suppress(Exception):
                document["fingerprint"] = first_fingerprint(
                    document["request"], document["headers"]
                )
        return json.dumps(document).encode()

    def _mutate(self, value: Any) -> None:
        while isinstance(value, (dict, list)) and value:
            keys = list(value) if isinstance(value, dict) else list(range(len(value)))
            key = self._random.choice(keys)
            if not isinstance(value[key], (dict, list)) or self._random.random() < 0.3:
                if isinstance(value, dict) and self._random.random() < 0.2:
                    value[self._random.choice(("tools", "thinking", "", "x\n"))] = self._value()
                else:
                    value[key] = self._value()
                return
            value = value[key]

    def _value(self) -> Any:
        if self._random.random() < 0.05:
            nested: Any = []
            for _ in range(self._random.choice((30, 500))):
                nested = [nested]
            return nested
        return deepcopy(self._random.choice(VALUES))

    def _option(self, name: str, *values: str) -> list[str]:
        if self._random.random() < 0.6:
            return []
        odd = self._random.random() < 0.3 or not values
        return [name, self._random.choice(WORDS if odd else values)]

    def arguments(self) -> list[str]:
        """A command, its files, and some of its options."""
        name = self._random.choice(("warm", "status", "explain", "diff", "plan", "check", "build"))
        arguments: list[str] = getattr(self, f"_{name}")()
        if self._random.random() < 0.3:
            arguments.append("--json")
        if self._random.random() < 0.05:
            arguments.insert(0, self._random.choice(("--nonsense", "-", "--", *WORDS)))
        return [name, *arguments]

    def _warm(self) -> list[str]:
        state = ["--state", self.file("state")] if self._random.random() < 0.5 else []
        flags = [flag for flag in ("--dry-run", "--force") if self._random.random() < 0.3]
        return [self.file("prefix"), *state, *flags, *self._option("--timeout", "1", "2.5")]

    def _status(self) -> list[str]:
        return ["--state", self.file("state")] if self._random.random() < 0.95 else []

    def _explain(self) -> list[str]:
        return [
            self._random.choice(("agent", *WORDS)),
            *self._status(),
            *self._option("--days", "3"),
        ]

    def _diff(self) -> list[str]:
        return [self.file(self._random.choice(("prefix", "request"))) for _ in "ab"]

    def _plan(self) -> list[str]:
        traffic = self._random.choice(
            (["--arrivals", self.file("arrivals")], ["--rate", self._random.choice(("2", *WORDS))])
        )
        options = [
            *self._option("--hours", "08-20", "24-00", "8"),
            *self._option("--weekdays", "mon-fri", "sun,mon"),
            *self._option("--tz", "Europe/Paris", "../etc"),
            *self._option("--miss-seconds", "2"),
            *self._option("--html", str(self._folder / "page.html"), str(self._folder)),
        ]
        return [self.file("prefix"), *traffic, *options]

    def _check(self) -> list[str]:
        request = ["--request", self.file("request")] if self._random.random() < 0.6 else []
        names = ["--names", self.file("arrivals")] if self._random.random() < 0.2 else []
        flags = [flag for flag in ("--strict", "--sarif", "--count") if self._random.random() < 0.2]
        return [self.file("prefix"), *request, *names, *flags]

    def _build(self) -> list[str]:
        modules = (*MODULES, "json", "", "..", "missing", "prefixwarm.observe")
        names = ("P", "Q", "R", "loads", "Prefix", "", "x:y", *WORDS)
        source = f"{self._random.choice(modules)}:{self._random.choice(names)}"
        return [source, *self._option("--out", str(self._folder / "out"), "/dev/null/x")]

    def environment(self) -> dict[str, str]:
        """The environment of a quiet machine, and sometimes odd variables."""
        if self._random.random() < 0.6:
            return ENVIRONMENT
        names = self._random.sample(VARIABLES, 2)
        words = [word for word in WORDS if "\0" not in word]
        return {**ENVIRONMENT, **{name: self._random.choice(words) for name in names}}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A file of each kind, as it should be."""
    folder = tmp_path_factory.mktemp("good")
    from prefixwarm.prefix.prefix_file import write
    from tests.helpers.prefixes import make_prefix

    request = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "tools": [{"name": "find", "input_schema": {"type": "object", "properties": {}}}],
        "system": [
            {"type": "text", "text": "Help. " * 900, "cache_control": {"type": "ephemeral"}}
        ],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }
    prefix = write(make_prefix("agent", request), folder)
    state = folder / "state.json"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        assert run(["warm", str(prefix), "--state", str(state)]) == 1
    return {
        "prefix": prefix.read_bytes(),
        "request": json.dumps(request).encode(),
        "state": state.read_bytes(),
        "arrivals": b"time\n" + b"\n".join(str(60 * i).encode() for i in range(200)),
    }


@pytest.fixture
def modules(tmp_path: Path) -> Iterator[Path]:
    """A folder with modules to build from; the process's own are as before afterwards."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    path, loaded = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(MODULES) & (set(sys.modules) - loaded):
        del sys.modules[name]


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_traceback(chunk: int, good: dict[str, bytes], modules: Path, capsys: Any) -> None:
    """An exit code that is documented; for wrong usage, exactly one line, and no more."""
    for number in range(RUNS):
        case = Case(f"{chunk}/{number}", modules, good)
        arguments, environment = case.arguments(), case.environment()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(modules)
            for name, value in environment.items():
                patch.setenv(name, value)
            code = run(arguments)
        out, err = capsys.readouterr()
        shown = f"{chunk}/{number}: {arguments} {environment}: {err}"
        assert code in (0, 1, 2), shown
        assert "Traceback" not in out + err, shown
        assert all(c.isprintable() or c == "\n" for c in out + err), shown
        if code == 2:
            assert out == "", shown
            assert err.startswith("prefixwarm: "), shown
            assert err.count("\n") == 1, shown
