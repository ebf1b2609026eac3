"""Settings: every variable, its default, and what is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm import settings as names
from prefixwarm.errors import SettingsError
from prefixwarm.settings import ASK, EXEC_WRAPPER, Settings, boolean

ALL = [value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)]


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing, even when the process's own says much."""
    monkeypatch.setenv("PREFIXWARM_INIT", "nonsense")
    assert Settings.from_environment({}) == Settings()
    assert Settings.from_environment(dict.fromkeys(ALL, " ")) == Settings()
    with pytest.raises(SettingsError):
        Settings.from_environment()


def test_reads_every_variable() -> None:
    """No name without its field, but for those that the launcher, `ask` and the wrapper read."""
    variables = {
        "PREFIXWARM_DISABLED": "true",
        "PREFIXWARM_INIT": "Always",
        "PREFIXWARM_INIT_HOLD_MS": "9000",
        "PREFIXWARM_INIT_HINT_MS": "1200",
        "PREFIXWARM_TABLE": " warm-state ",
        "PREFIXWARM_PREFIXES": "/var/task/prefixes",
        "PREFIXWARM_API_KEY_SECRET": "/anthropic/key",
        "PREFIXWARM_CACHE_SCOPE": "team-a",
        "PREFIXWARM_DEPLOYMENT": "prod",
        "PREFIXWARM_MANIFEST": "s3://bucket/key",
        "PREFIXWARM_LATENCY_VALUE": "0.002",
        "PREFIXWARM_FUNCTIONS": '{"support": ["agent"]}',
        "PREFIXWARM_KILL_SWITCH": "/prefixwarm/stop",
        "PREFIXWARM_QUEUE": "https://sqs.eu-west-1.amazonaws.com/123456789012/work",
        "PREFIXWARM_DIAGNOSE": "Sample",
        "PREFIXWARM_GATE_MS": "2000",
        "PREFIXWARM_INIT_USD_PER_WEEK": "0.5",
        "PREFIXWARM_FIRST": "support",
        "PREFIXWARM_METRICS": "Full",
    }
    assert {*variables, ASK, EXEC_WRAPPER} == set(ALL)
    own = Settings.from_environment(variables)
    assert own == Settings(
        disabled=True,
        init="always",
        init_hold_ms=9000,
        init_hint_ms=1200,
        table="warm-state",
        prefixes="/var/task/prefixes",
        api_key_secret="/anthropic/key",
        cache_scope="team-a",
        deployment="prod",
        manifest="s3://bucket/key",
        latency_value=0.002,
        functions={"support": ["agent"]},
        kill_switch="/prefixwarm/stop",
        queue="https://sqs.eu-west-1.amazonaws.com/123456789012/work",
        diagnose="sample",
        gate_ms=2000,
        init_usd_per_week=0.5,
        first="support",
        metrics="full",
    )
    assert all(getattr(own, name) != getattr(Settings(), name) for name in Settings._fields)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("PREFIXWARM_DISABLED", "maybe", "write one of 1, y, yes"),
        ("PREFIXWARM_INIT", "sometimes", "write one of auto, always, off"),
        ("PREFIXWARM_DIAGNOSE", "always", "write one of off, sample"),
        ("PREFIXWARM_GATE_MS", "60001", "from 0 to 60000"),
        ("PREFIXWARM_INIT_HOLD_MS", "9001", "from 0 to 9000"),
        ("PREFIXWARM_INIT_HOLD_MS", "-1", "a whole number"),
        ("PREFIXWARM_INIT_HOLD_MS", "1.5", "a whole number"),
        ("PREFIXWARM_INIT_HOLD_MS", "²", "a whole number"),
        ("PREFIXWARM_INIT_HOLD_MS", "9" * 5000, "a whole number"),
        ("PREFIXWARM_INIT_HINT_MS", "900001", "from 0 to 900000"),
        ("PREFIXWARM_CACHE_SCOPE", "a/b", "at most 64 letters"),
        ("PREFIXWARM_CACHE_SCOPE", "a" * 65, "at most 64 letters"),
        ("PREFIXWARM_CACHE_SCOPE", "équipe", "at most 64 letters"),
        ("PREFIXWARM_LATENCY_VALUE", "-0.1", "US dollars, 0 or more"),
        ("PREFIXWARM_LATENCY_VALUE", "nan", "US dollars, 0 or more"),
        ("PREFIXWARM_LATENCY_VALUE", "inf", "US dollars, 0 or more"),
        ("PREFIXWARM_LATENCY_VALUE", "$1", "US dollars, 0 or more"),
        ("PREFIXWARM_FUNCTIONS", "{", "write JSON such as"),
        ("PREFIXWARM_FUNCTIONS", '["agent"]', "write JSON such as"),
        ("PREFIXWARM_FUNCTIONS", '{"support": "agent"}', "write JSON such as"),
        ("PREFIXWARM_FUNCTIONS", '{"support": [""]}', "write JSON such as"),
        ("PREFIXWARM_FUNCTIONS", "[" * 9000, "write JSON such as"),
    ],
)
def test_refuses_what_it_does_not_understand(name: str, value: str, hint: str) -> None:
    """One line: the variable, what it holds, what it may hold."""
    with pytest.raises(SettingsError, match=hint) as caught:
        Settings.from_environment({name: value})
    assert str(caught.value).startswith(f"{name}=")


@given(st.sampled_from(ALL), st.text(max_size=12))
def test_any_text_is_understood_or_refused(name: str, text: str) -> None:
    """Nothing else is ever raised."""
    with suppress(SettingsError):
        assert isinstance(Settings.from_environment({name: text}), Settings)


@pytest.mark.parametrize("word", ["1", "Y", "yes", " TRUE ", "on", "t"])
def test_yes(word: str) -> None:
    """The words for yes, in any case."""
    assert boolean("X", word) is True


@pytest.mark.parametrize("word", ["0", "N", "no", " FALSE ", "off", "f"])
def test_no(word: str) -> None:
    """The words for no, in any case."""
    assert boolean("X", word) is False


@pytest.mark.parametrize("scope", ["0f" * 16, "c0ffee12" * 8, "prod-1A2B3C4D5E6F7G8H9"])
def test_a_label_may_look_random(scope: str) -> None:
    """Ids of workspaces and generated names do."""
    names = {"PREFIXWARM_CACHE_SCOPE": scope, "PREFIXWARM_TABLE": scope}
    settings = Settings.from_environment({**names, "PREFIXWARM_DEPLOYMENT": scope})
    assert (settings.cache_scope, settings.table, settings.deployment) == (scope, scope, scope)


@pytest.mark.parametrize(
    "name", ["PREFIXWARM_CACHE_SCOPE", "PREFIXWARM_TABLE", "PREFIXWARM_API_KEY_SECRET"]
)
def test_a_key_is_no_name(name: str) -> None:
    """It is refused, and not repeated."""
    key = "sk-ant-api03-" + "aB3" * 12
    with pytest.raises(SettingsError, match="is a key, not") as caught:
        Settings.from_environment({name: key})
    assert key not in str(caught.value)
