"""Reads and checks every setting that prefixwarm takes from the environment.

The text below a name is its line of docs/settings.md; `scripts/update-references` writes it there.
"""

from __future__ import annotations

import os

from prefixwarm.errors import SettingsError
from prefixwarm.safe_text import looks_like_key, quoted
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


DISABLED = "PREFIXWARM_DISABLED"
"""Stops everything in this function or process.

Unit: yes or no
"""
INIT = "PREFIXWARM_INIT"
"""When a start warms: `auto` (if that helps the waiting request), `always` (without reading the
warm state), or `off`.
"""
INIT_HOLD_MS = "PREFIXWARM_INIT_HOLD_MS"
"""How long a start is held at most, up to 9000.

Unit: milliseconds
"""
INIT_HINT_MS = "PREFIXWARM_INIT_HINT_MS"
"""How long the function's own init takes; holding the start that long is free. Up to 900000.

Unit: milliseconds
Default: unknown
"""
TABLE = "PREFIXWARM_TABLE"
"""Name of the table of the warm state; without it `auto` warms nothing."""
PREFIXES = "PREFIXWARM_PREFIXES"
"""Folder of the prefixes.

Default: `/opt/prefixwarm/prefixes`, `/var/task/prefixes`
"""
PREFIX_FOLDERS = ("/opt/prefixwarm/prefixes", "/var/task/prefixes")
API_KEY_SECRET = "PREFIXWARM_API_KEY_SECRET"  # noqa: S105 - the name of a variable
"""ARN of the secret, or name of the SSM parameter, that holds the API key; `ANTHROPIC_API_KEY`
takes precedence. For keys of several routes: `anthropic=ARN bedrock=NAME`.
"""
CACHE_SCOPE = "PREFIXWARM_CACHE_SCOPE"
"""Label of the workspace, because each has its own cache: at most 64 letters, digits, `-`, `_` or
`.`.
"""
DEPLOYMENT = "PREFIXWARM_DEPLOYMENT"
"""The dimension `service` of the [metrics](metrics.md), and the name of the deployment's ledger."""
MANIFEST = "PREFIXWARM_MANIFEST"
"""The address of the keep-warm function's manifest: `s3://bucket/key`."""
LATENCY_VALUE = "PREFIXWARM_LATENCY_VALUE"
"""The value of one second of first-token wait.

Unit: US dollars
"""
FUNCTIONS = "PREFIXWARM_FUNCTIONS"
"""The functions that send each prefix: `{"support": ["my-agent"]}`.

Unit: JSON
"""
KILL_SWITCH = "PREFIXWARM_KILL_SWITCH"
"""SSM parameter that stops the keep-warm function while it says `true`."""
QUEUE = "PREFIXWARM_QUEUE"
"""URL of the SQS queue for the calls beyond one tick; without it the tick makes all calls."""
DIAGNOSE = "PREFIXWARM_DIAGNOSE"
"""`off` or `sample`: warm calls opt in to the provider's cache diagnostics, and observed agents
request its [verdict](observe.md#the-providers-verdict).
"""
GATE_MS = "PREFIXWARM_GATE_MS"
"""How long an environment's first model call waits for a warm call in flight at most, up to 60000.

Unit: milliseconds
"""
INIT_USD_PER_WEEK = "PREFIXWARM_INIT_USD_PER_WEEK"
"""What starts may spend per version of a prefix and week if the agent is [not
observed](init-phase.md#what-starts-may-spend).

Unit: US dollars
"""
FIRST = "PREFIXWARM_FIRST"
"""Of several prefixes, the one that starts warm before any was seen to be used.

Default: first by name
"""
METRICS = "PREFIXWARM_METRICS"
"""`trouble`, `hit-rate` or `full`: which values of the log lines are [CloudWatch
metrics](metrics.md).
"""
ASK = "PREFIXWARM_ASK"
"""Name of the keep-warm function to [ask](ask.md), for the layer [without Python](runtimes.md) and
`prefixwarm.ask`.
"""
EXEC_WRAPPER = "PREFIXWARM_EXEC_WRAPPER"
"""With `AWS_LAMBDA_EXEC_WRAPPER=/opt/prefixwarm/wrapper`: the function's own wrapper, which is
[called next](observe.md#without-a-change-of-the-agent).
"""

_TRUE = ("1", "y", "yes", "t", "true", "on")
_FALSE = ("0", "n", "no", "f", "false", "off")
INIT_MODES = ("auto", "always", "off")
_DIAGNOSE_MODES = ("off", "sample")
_METRICS_MODES = ("trouble", "hit-rate", "full")
MAX_HOLD_MS = 9000
MAX_HINT_MS = 900_000
MAX_GATE_MS = 60_000


class Settings(Record):
    """The settings in the environment, checked.

    Times are in milliseconds where the name says so. `latency_value` is the value of one second
    less first-token wait, in US dollars. `functions` maps each prefix name to the agent functions
    that send it. `kill_switch` is the SSM parameter that stops keep-warm calls. `queue` is the URL
    of the SQS queue for work that does not fit into one tick. `diagnose` turns on the provider's
    cache diagnostics for a sample of requests. `gate_ms` is how long the agent's first model call
    waits for a warm call in flight. `init_usd_per_week` is what starts may spend on a prefix in a
    week if the agent is not observed. `first` is the prefix, out of several, that a start warms
    before any request was seen to use it. `metrics` selects which log-line values become CloudWatch
    metrics.
    """

    disabled: bool = False
    init: str = "auto"
    init_hold_ms: int = 3000
    init_hint_ms: int | None = None
    table: str | None = None
    prefixes: str | None = None
    api_key_secret: str | None = None
    cache_scope: str = "default"
    deployment: str = ""
    manifest: str | None = None
    latency_value: float = 0.0
    functions: dict[str, list[str]] = {}  # noqa: RUF012
    kill_switch: str | None = None
    queue: str | None = None
    diagnose: str = "off"
    gate_ms: int = 0
    init_usd_per_week: float = 1.0
    first: str | None = None
    metrics: str = "trouble"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check all settings; an empty variable counts as absent.

        Raises
        ------
        SettingsError
            A value is invalid; the message lists the valid ones.
        """
        variables = os.environ if environ is None else environ
        texts = {k: v.strip() for k, v in variables.items() if v.strip()}
        return cls(
            disabled=boolean(DISABLED, texts.get(DISABLED, "0")),
            init=_one_of(INIT, texts.get(INIT, "auto"), INIT_MODES),
            init_hold_ms=_whole(INIT_HOLD_MS, texts.get(INIT_HOLD_MS, "3000"), MAX_HOLD_MS),
            init_hint_ms=(
                _whole(INIT_HINT_MS, texts[INIT_HINT_MS], MAX_HINT_MS)
                if INIT_HINT_MS in texts
                else None
            ),
            table=_reference(TABLE, texts.get(TABLE)),
            prefixes=texts.get(PREFIXES),
            api_key_secret=_reference(API_KEY_SECRET, texts.get(API_KEY_SECRET)),
            cache_scope=_scope(_reference(CACHE_SCOPE, texts.get(CACHE_SCOPE)) or "default"),
            deployment=_reference(DEPLOYMENT, texts.get(DEPLOYMENT)) or "",
            manifest=_reference(MANIFEST, texts.get(MANIFEST)),
            latency_value=_dollars(LATENCY_VALUE, texts.get(LATENCY_VALUE, "0")),
            functions=_lists(FUNCTIONS, texts[FUNCTIONS]) if FUNCTIONS in texts else {},
            kill_switch=_reference(KILL_SWITCH, texts.get(KILL_SWITCH)),
            queue=_reference(QUEUE, texts.get(QUEUE)),
            diagnose=_one_of(DIAGNOSE, texts.get(DIAGNOSE, "off"), _DIAGNOSE_MODES),
            init_usd_per_week=_dollars(INIT_USD_PER_WEEK, texts.get(INIT_USD_PER_WEEK, "1")),
            first=_reference(FIRST, texts.get(FIRST)),
            gate_ms=_whole(GATE_MS, texts.get(GATE_MS, "0"), MAX_GATE_MS),
            metrics=_one_of(METRICS, texts.get(METRICS, "trouble"), _METRICS_MODES),
        )

    @property
    def full_metrics(self) -> bool:
        """Whether all log-line values become CloudWatch metrics, not only those of failures."""
        return self.metrics == "full"


def boolean(name: str, text: str) -> bool:
    """Parse a yes-or-no setting.

    Raises
    ------
    SettingsError
        The value is neither; an unknown word never counts as "no".
    """
    answer = text.strip().lower()
    if answer in _TRUE:
        return True
    if answer in _FALSE:
        return False
    raise SettingsError(f"{name}={quoted(text)}: write one of {', '.join(_TRUE + _FALSE)}")


def _reference(name: str, text: str | None) -> str | None:
    """Check that a setting names an AWS resource: a key here would be sent and logged as a name."""
    if text and looks_like_key(text):
        raise SettingsError(
            f"{name}={quoted(text)}: is a key, not the name of a secret that holds it; revoke the "
            "key if this setting was deployed"
        )
    return text


def _one_of(name: str, text: str, choices: tuple[str, ...]) -> str:
    if text.lower() not in choices:
        raise SettingsError(f"{name}={quoted(text)}: write one of {', '.join(choices)}")
    return text.lower()


def _whole(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) > most:
        raise SettingsError(f"{name}={quoted(text)}: write a whole number from 0 to {most}")
    return int(text)


def _dollars(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise SettingsError(f"{name}={quoted(text)}: write US dollars, 0 or more")
    return value


def _lists(name: str, text: str) -> dict[str, list[str]]:
    import json

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(map(_is_texts, value.values())):
        raise SettingsError(
            f'{name}={quoted(text)}: write JSON such as {{"support": ["my-function"]}}'
        )
    return value


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _scope(text: str) -> str:
    if len(text) > 64 or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in text):
        raise SettingsError(
            f"{CACHE_SCOPE}={quoted(text)}: write at most 64 letters, digits, '-', '_' or '.'"
        )
    return text
