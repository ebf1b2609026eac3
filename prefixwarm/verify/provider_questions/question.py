"""A question to the provider, and what came of it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from prefixwarm.provider.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.verify.provider_questions.provider_caller import Caller


@dataclass(frozen=True)
class Conclusion:
    """What the provider did.

    Parameters
    ----------
    did
        In one line.
    value
        The switch's value that does the same; None where the question stays open.
    """

    did: str
    value: bool | float | str | None = None


# Waits for the seconds that it yields, and returns what came of it.
Steps: TypeAlias = Generator[float, None, Conclusion]

MESSAGES_ROUTES = tuple(route for route in ROUTES if route != "bedrock-converse")


@dataclass(frozen=True)
class Question:
    """One switch of the simulator, asked of the provider.

    Parameters
    ----------
    switch
        Its name.
    text
        What is asked.
    steps
        Asks it.
    routes
        Where it can be asked.
    stage
        Questions of a lower stage come first: 0 whether anything is cached, 1 how soon, 2 the rest.
    needs_cache
        Whether it says nothing where nothing is cached.
    is_slow
        Whether it waits for an entry to end.
    needs_second
        Whether it takes a second workspace.
    """

    switch: str
    text: str
    steps: Callable[[Caller], Steps]
    routes: tuple[str, ...] = MESSAGES_ROUTES
    stage: int = 2
    needs_cache: bool = True
    is_slow: bool = False
    needs_second: bool = False


def at_once(ask: Callable[[Caller], Conclusion]) -> Callable[[Caller], Steps]:
    """The steps of a question that waits for nothing."""

    def steps(caller: Caller) -> Steps:
        yield 0.0
        return ask(caller)

    return steps
