"""Two versions of a function with two versions of one prefix, as behind a weighted alias."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from extension_bench import write_prefix

if TYPE_CHECKING:
    from extension_bench import Bench

    from prefixwarm.local.emulated_function import Function


def earlier(bench: Bench) -> Function:
    """The function as it was: its prefix has the same name and another text."""
    function = bench.asking("earlier")
    write_prefix(function.code / "prefixes", "support", asks_as="earlier")
    return replace(function, env={**function.env, "PREFIXWARM_PREFIXES": "/var/task/prefixes"})


def test_each_version_warms_its_own_prefix(bench: Bench) -> None:
    """Each in its own item, under keys that begin with the one name; both first requests read."""
    versions = (earlier(bench), bench.asking())
    for function in (*versions, *versions):
        started = bench.start(function)
        assert started.answer.payload["cache_creation_input_tokens"] == 0
    assert len(bench.warm_calls()) == 2
    states = bench.states()
    prefixes = {state["pk"].rpartition("/support/")[0] for state in states}
    assert prefixes == {f"state/anthropic/-/{bench.scope}"}
    assert [(state["name"], state["outcome"]) for state in states] == [("support", "written")] * 2
    assert len({state["pk"] for state in states}) == 2


def test_a_start_says_that_its_version_is_in_use(bench: Bench) -> None:
    """With the same write that names the function; not again within ten minutes."""
    bench.start(bench.asking())
    (first,) = bench.states()
    assert float(first["started_at"]) >= float(first["last_touch"]) - 1
    bench.start(bench.asking())
    (second,) = bench.states()
    assert second["started_at"] == first["started_at"]


def test_starts_that_no_request_waits_for_say_nothing(bench: Bench) -> None:
    """Provisioned environments start because somebody deployed."""
    bench.start(replace(bench.plain(), init_type="provisioned-concurrency"))
    (state,) = bench.states()
    assert "started_at" not in state
    assert state["functions"] == ["function"]
