"""The product's own short times, made long for a busy machine."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from unittest import mock

from prefixwarm.keepwarm import asked, budget
from prefixwarm.observe import outbox
from prefixwarm.warm import acquire, attempt
from prefixwarm_extension import warming
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def patient() -> Iterator[None]:
    """Let nobody give up on the table, however long it takes to answer."""
    with ExitStack() as stack:
        for module, name in (
            (outbox, "_SECONDS"),
            (acquire, "STATE_SECONDS"),
            (warming, "STATE_SECONDS"),
            (attempt, "RECORD_SECONDS"),
            (asked, "RECORD_SECONDS"),
            (budget, "RECORD_SECONDS"),
        ):
            stack.enter_context(mock.patch.object(module, name, PATIENCE))
        yield
