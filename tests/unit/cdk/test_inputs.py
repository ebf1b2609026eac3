"""Input of another kind is refused in one line that says what to write, and never shows a key."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import Duration, SecretValue
from aws_cdk import aws_ec2 as ec2

from prefixwarm.errors import UsageError
from prefixwarm_cdk import Credentials, KeepWarm, assets, prefixes

KEY = "sk-ant-not-a-key"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"credentials": KEY}, r"\(credentials=...\): got a str; pass Credentials\.secret"),
        ({"keep_warm": "ski"}, r"\(keep_warm=...\): got a str; pass KeepWarm\.auto\(\)"),
        ({"budget": 1}, r"\(budget=...\): got an int; pass Budget\.usd_per_day\(1\)"),
        (
            {"prefixes": "a.prefix.json"},
            r'\(prefixes=...\): got a str; pass \["support.prefix.json',
        ),
        (
            {"prefixes": ["none.prefix.json"]},
            r"\(prefixes=...\): .*none\.prefix\.json",
        ),
        ({"vpc_subnets": ec2.SubnetSelection()}, r"\(vpc_subnets=...\): is of no use without vpc="),
        (
            {"keepwarm": KeepWarm.off()},
            r"\(keepwarm=...\): .*; did you mean keep_warm",
        ),
    ],
)
def test_properties_of_another_kind_are_refused(
    bench: Any, options: dict[str, Any], words: str
) -> None:
    """Before anything is made of them."""
    with pytest.raises(UsageError, match=words) as refused:
        bench.warmer(**options)
    assert KEY not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prefixes": "support"}, r'^attach\(prefixes=...\): got a str; pass \["support"\]'),
        ({"init_hint": 1}, r"^attach\(init_hint=...\): got an int; pass Duration"),
        ({"init_hold": 3}, r"^attach\(init_hold=...\): got an int; pass Duration"),
        ({"gate": 2.5}, r"^attach\(gate=...\): got a float; pass Duration"),
    ],
)
def test_keywords_of_attach_are_checked(bench: Any, options: dict[str, Any], words: str) -> None:
    """Seconds or milliseconds would be a guess."""
    with pytest.raises(UsageError, match=words):
        bench.warmer().attach(bench.function(), **options)


def test_an_interval_is_a_duration() -> None:
    """As the other times are."""
    interval: Any = 50
    with pytest.raises(UsageError, match=r"^KeepWarm\.ski\(interval=...\): got an int; pass Dur"):
        KeepWarm.ski(interval=interval)
    assert KeepWarm.ski(interval=Duration.minutes(50)).policy == {"rule": "ski", "interval": 3000}


def test_arguments_without_their_names() -> None:
    """An interval alone could be anything."""
    auto: Any = KeepWarm.auto
    with pytest.raises(
        UsageError, match=r"^KeepWarm\.auto: too many .* by name, as interval=\.\.\."
    ):
        auto(Duration.minutes(5))


def test_what_stands_in_a_path_cannot_steer_a_terminal(bench: Any) -> None:
    """It is shown as its escape, in one line."""
    with pytest.raises(UsageError) as refused:
        bench.warmer(prefixes=["a\x1b[31m\n.json"])
    assert str(refused.value).isprintable()


def test_a_secrets_value_is_no_reference() -> None:
    """It would stand in the template."""
    value: Any = SecretValue.unsafe_plain_text(KEY)
    with pytest.raises(UsageError, match=r"pass the secretsmanager\.Secret construct"):
        Credentials.secret(value)


def test_a_layer_over_lambdas_limit_is_refused(bench: Any) -> None:
    """With the way round."""
    own = prefixes.read([bench.prefix])
    with pytest.raises(UsageError, match=r"limit of 100000; select each function's prefixes"):
        assets.layer_zip(bench.stack, own, observe=True, limit=100_000)
