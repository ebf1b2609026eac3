"""What the API's page is made of, the docstrings, is complete; their examples do what they say."""

from __future__ import annotations

import asyncio
import doctest
import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

import prefixwarm
import prefixwarm.testing
from prefixwarm.testing import simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = (prefixwarm, prefixwarm.testing)
NAMES = sorted({f"{p.__name__}:{n}" for p in PACKAGES for n in p.__all__ if not n.startswith("_")})


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_is_described(name: str) -> None:
    """And each public method and property of it."""
    package, _, attribute = name.partition(":")
    value = getattr(import_module(package), attribute)
    members = vars(value).items() if inspect.isclass(value) else ()
    public = [held for member, held in members if not member.startswith("_")]
    described = [held for held in public if inspect.isfunction(held) or isinstance(held, property)]
    assert all((held.__doc__ or "").strip() for held in (value, *described))


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the examples take for granted: a provider, a prefix, a warmer."""
    with simulator(clock="real") as sim:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", sim.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "local")
        with anthropic.Anthropic() as client:
            system = "You are the support agent of a shop for bicycle parts. " * 150
            support = prefixwarm.Prefix("support", model="claude-sonnet-5-5", system=system)
            public = {n: getattr(p, n) for p in PACKAGES for n in p.__all__}
            yield {
                **public,
                "anthropic": anthropic,
                "client": client,
                "support": support,
                "warmer": prefixwarm.Warmer(client, [support]),
                "serve": lambda: None,
            }


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_docstrings(name: str, names: dict[str, Any]) -> None:
    """As they stand there; those that are awaited, as a coroutine."""
    package, _, attribute = name.partition(":")
    text = inspect.getdoc(getattr(import_module(package), attribute)) or ""
    test = doctest.DocTestParser().get_doctest(text, names, name, None, 0)
    if "await " in text or "async with" in text:
        asyncio.run(awaited(test, names))
        return
    outcome = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(test)
    assert outcome.failed == 0


async def awaited(test: doctest.DocTest, names: dict[str, Any]) -> None:
    """Run an example's lines in one coroutine, and compare what the last one gives."""
    lines = [line for example in test.examples for line in example.source.splitlines()]
    *before, last = lines
    if not last.startswith(" "):
        last = f"return {last}"
    body = "\n".join(f"    {line}" for line in (*before, last))
    async with anthropic.AsyncAnthropic() as client:
        warmer = prefixwarm.AsyncWarmer(client, [names["support"]])
        held = {**names, "client": client, "warmer": warmer}
        exec(f"async def example():\n{body}\n", held)
        value = await held["example"]()
    assert test.examples[-1].want.strip() in ("", repr(value))
