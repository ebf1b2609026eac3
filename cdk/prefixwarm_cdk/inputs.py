"""Refuses wrong arguments in one line that names the argument, what it was and what to write."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from aws_cdk import Token

from prefixwarm.errors import UsageError
from prefixwarm.safe_text import looks_like_key, printable

if TYPE_CHECKING:
    from collections.abc import Callable

# A number that is a token is far beyond any that somebody writes.
_LEAST_TOKEN, _MOST = 1e280, 1e300

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Kind:
    """What an argument takes.

    Parameters
    ----------
    fits
        Whether a value is of the right type.
    example
        What to pass, for who passed something else.
    problem
        What is wrong with a value of the right type; empty where nothing is.
    tokens
        Whether the value may be one that only the deployment knows.
    """

    fits: Callable[[Any], bool]
    example: str
    problem: Callable[[Any], str] = lambda _: ""
    tokens: bool = False

    def refuse(self, call: str, name: str, value: object) -> None:
        """Refuse a value that does not fit.

        Raises
        ------
        UsageError
            Naming the argument. A value of another type is not shown: it may be a key.
        """
        if not self.tokens and is_token(value):
            raise argument_error(call, name, f"is known at deployment only; pass {self.example}")
        if not self.fits(value):
            raise argument_error(call, name, f"got {_kind_of(value)}; pass {self.example}")
        if not (self.tokens and is_token(value)) and (problem := self.problem(value)):
            raise argument_error(call, name, problem, shown(value))


def takes(call: str, kinds: Mapping[str, Kind]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Check the arguments of a function before it runs.

    Parameters
    ----------
    call
        What its callers write, such as ``attach``.
    kinds
        What each argument takes. None is taken where it is the default.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @wraps(function)
        def checked(*args: P.args, **named: P.kwargs) -> R:
            bound = _bound(call, kinds, signature, args, named)
            for name, value in bound.arguments.items():
                if isinstance(value, Iterator):
                    bound.arguments[name] = value = tuple(value)
                optional = signature.parameters[name].default is None
                if name in kinds and not (value is None and optional):
                    kinds[name].refuse(call, name, value)
            return function(*bound.args, **bound.kwargs)

        return checked

    return decorate


@contextmanager
def naming(call: str, name: str) -> Iterator[None]:
    """Name the argument in every error that says what is wrong with its content."""
    try:
        yield
    except UsageError as error:
        problem = str(error).removeprefix(f"{name}: ")
        raise argument_error(call, name, problem) from error


def argument_error(call: str, name: str, problem: str, value: str = "...") -> UsageError:
    """The error that says what is wrong with an argument."""
    return UsageError(f"{call}({name}={value}): {printable(problem)}")


def shown(value: object) -> str:
    """A value as a message shows it: short, printable and without keys."""
    if isinstance(value, str):
        hidden = any(map(looks_like_key, value.split()))
        return printable(repr("***" if hidden else value), 200)
    return repr(value) if value is None or isinstance(value, bool | int | float) else "..."


def is_token(value: object) -> bool:
    """Whether a text or a number stands for what only the deployment knows."""
    if isinstance(value, str):
        return "${Token[" in value and Token.is_unresolved(value)
    # CDK's kernel, which decides, ends at a number that JSON does not have.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -_MOST < value < -_LEAST_TOKEN and Token.is_unresolved(float(value))


def _bound(
    call: str,
    kinds: Mapping[str, Kind],
    signature: inspect.Signature,
    args: tuple[Any, ...],
    named: Mapping[str, Any],
) -> inspect.BoundArguments:
    """The arguments by name, where there are no others and none is missing."""
    for name in named:
        if name not in signature.parameters:
            near = get_close_matches(name, kinds, 1)
            meant = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(kinds)}"
            raise argument_error(call, name, f"there is no such argument{meant}")
    try:
        bound = signature.bind_partial(*args, **named)
    except TypeError as error:
        by_name = ", ".join(f"{name}=..." for name in list(kinds)[:3])
        raise UsageError(f"{call}: {error}; write them by name, as {by_name}") from error
    for name, parameter in signature.parameters.items():
        if name not in bound.arguments and parameter.default is parameter.empty:
            raise argument_error(call, name, f"is missing; pass {kinds[name].example}")
    return bound


def _kind_of(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    noun = type(value).__name__
    return f"{'an' if noun[0] in 'aeiouAEIOU' else 'a'} {noun}"
