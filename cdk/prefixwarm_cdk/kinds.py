"""What arguments of the constructs take, by the kind of argument."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_

from prefixwarm.attach import runtimes
from prefixwarm.errors import SettingsError
from prefixwarm.policy import Policy
from prefixwarm.safe_text import looks_like_key
from prefixwarm_cdk.inputs import Kind, is_token

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_DOLLARS = 1e6
# Beyond it a number is infinite, or none; so are whole ones that no float holds.
_MOST = 1e300
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricStat.html
_SHORT_PERIODS = (1, 5, 10, 20, 30)


def instance(kind: type | tuple[type, ...], example: str, **more: Any) -> Kind:
    """An object of a class."""
    return Kind(lambda value: isinstance(value, kind), example, **more)


def construct(attribute: str, example: str) -> Kind:
    """A construct of CDK's, which has this attribute; it may be an imported one."""
    return Kind(
        lambda value: not isinstance(value, str | type) and hasattr(value, attribute), example
    )


def flag() -> Kind:
    """Yes or no."""
    return instance(bool, "True or False")


def choice(*choices: object, explain: Callable[[Any], str] = lambda _: "") -> Kind:
    """One of a few values; `explain` says more of another one."""
    texts = [f'"{c}"' if isinstance(c, str) else repr(c) for c in choices]
    example = " or ".join(part for part in (", ".join(texts[:-1]), texts[-1]) if part)

    def problem(value: Any) -> str:
        return "" if value in choices else f"write {example}{explain(value)}"

    return Kind(lambda value: type(value) in {type(c) for c in choices}, example, problem)


def text(example: str, problem: Callable[[str], str] = lambda _: "", **more: Any) -> Kind:
    """A text that is not empty."""

    def wrong(value: str) -> str:
        return f"is empty; write {example}" if not value.strip() else problem(value)

    return Kind(lambda value: isinstance(value, str), example, wrong, **more)


def pattern(form: str, example: str) -> Kind:
    """A text of a form, or a token that becomes one."""

    def problem(value: str) -> str:
        return "" if re.fullmatch(form, value) else f"write it like {example}"

    return text(example, problem, tokens=True)


def number(example: str, rule: str, fits: Callable[[float], bool]) -> Kind:
    """A finite number that fits the rule."""

    def problem(value: float) -> str:
        return "" if -_MOST < value < _MOST and fits(value) else rule

    return Kind(_is_number, example, problem)


def dollars() -> Kind:
    """US dollars, 0 or more."""
    rule = f"write US dollars, from 0 to below {_MOST_DOLLARS:,.0f}"
    return number("US dollars, such as 0.5", rule, lambda value: 0 <= value < _MOST_DOLLARS)


def count() -> Kind:
    """A whole number above 0."""
    return Kind(
        lambda value: _is_number(value) and isinstance(value, int),
        "a whole number above 0",
        lambda value: "" if value > 0 else "write a whole number above 0, or leave it",
    )


def duration(example: str, problem: Callable[[float], str] = lambda _: "") -> Kind:
    """A span of time; `problem` is asked with its seconds."""

    def wrong(value: Duration) -> str:
        if value.is_unresolved():
            return f"is known at deployment only; pass {example}"
        return problem(value.to_milliseconds(integral=False) / 1000)

    return instance(Duration, example, problem=wrong)


def at_most(seconds: float) -> Kind:
    """A span of time up to a limit."""

    def problem(value: float) -> str:
        return "" if value <= seconds else f"is {value:g} s; pass {seconds:g} s at most"

    return duration("Duration.seconds(2)", problem)


def period() -> Kind:
    """A span of time over which CloudWatch can sum up."""

    def problem(value: float) -> str:
        if value in _SHORT_PERIODS or (value > 0 and value % 60 == 0):
            return ""
        return f"is {value:g} s; pass whole minutes, or 1, 5, 10, 20 or 30 s"

    return duration("Duration.minutes(5)", problem)


def several(item: Kind, example: str) -> Kind:
    """A list of such values, none of them left out."""

    def problem(values: Collection[Any]) -> str:
        for value in values:
            if not item.tokens and is_token(value):
                return f"one of them is known at deployment only; pass {example}"
            if not item.fits(value):
                return f"one of them is a {type(value).__name__}; pass {example}"
            if not is_token(value) and (wrong := item.problem(value)):
                return f"one of them {wrong}"
        return ""

    return Kind(_is_list, example, problem)


def path() -> Kind:
    """The path of a file or folder."""
    example = '"support.prefix.json"'

    def problem(value: str | Path) -> str:
        return "" if str(value).strip() else f"is empty; write {example}"

    return instance((str, Path), example, problem=problem)


def policy(option: str, example: str) -> Kind:
    """A text that the policy understands as this option."""

    def problem(value: str) -> str:
        if looks_like_key(value):
            return f"is a key; write {example}"
        return policy_problem({"hours": "08:00-20:00", option: value})

    return text(example, problem)


def policy_problem(options: Mapping[str, Any]) -> str:
    """What the policy says of options; empty where it takes them."""
    try:
        Policy.of({"rule": "auto", **options})
    except SettingsError as error:
        return str(error)
    return ""


def python_runtime() -> Kind:
    """A Python runtime that the keep-warm function's code runs in."""

    def problem(value: lambda_.Runtime) -> str:
        if runtimes.asks(value.name) or runtimes.is_too_old(value.name):
            return f"is {value.name}; pass Runtime.PYTHON_3_10 or a newer one"
        return ""

    return instance(lambda_.Runtime, "Runtime.PYTHON_3_14", problem=problem)


def variables() -> Kind:
    """Environment variables by name."""

    def problem(value: Mapping[Any, Any]) -> str:
        for name, content in value.items():
            if not (isinstance(name, str) and re.fullmatch(r"[A-Za-z]\w+", name)):
                return "write names of letters, digits and _, with a letter first"
            if not isinstance(content, str):
                return f"{name} is a {type(content).__name__}; write a text"
        return ""

    return instance(Mapping, '{"ANTHROPIC_BASE_URL": "https://..."}', problem=problem)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list(value: object) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping)
