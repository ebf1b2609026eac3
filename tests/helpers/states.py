"""Warm states for tests."""

from __future__ import annotations

from typing import Any

from prefixwarm.state.warm_state import State


def changed(state: State, **attributes: Any) -> State:
    """The state with these attributes of its item changed, by their flat names."""
    return State.of(state.key, **{**state.attributes(), **attributes})
