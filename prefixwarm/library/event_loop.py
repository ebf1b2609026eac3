"""Runs tasks on an event loop, and awaits replies of its clients from another thread."""

from __future__ import annotations

import asyncio
import concurrent.futures
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from prefixwarm.errors import DeadlineError, TransportError
from prefixwarm.library.client_kind import UserClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from prefixwarm.library.client_kind import ClientKind
    from prefixwarm.wire.deadline import Deadline


T = TypeVar("T")

# The event loop keeps only weak references to tasks.
_TASKS: set[asyncio.Task[Any]] = set()


def begin(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Run a coroutine as a task of the running loop, kept until it ends.

    Raises
    ------
    RuntimeError
        No loop runs.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        work.close()  # or Python would warn that it was never awaited
        raise
    task = loop.create_task(work)
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
    return task


def sender_on_loop(kind: ClientKind) -> UserClient:
    """Return a sender whose replies are awaited on the running loop."""
    return UserClient(kind, partial(_awaited, asyncio.get_running_loop()))


def _awaited(loop: asyncio.AbstractEventLoop, reply: Awaitable[Any], deadline: Deadline) -> Any:
    """Wait for an awaitable from a thread other than its loop's."""

    async def result() -> Any:
        return await reply

    waiting = result()
    try:
        future = asyncio.run_coroutine_threadsafe(waiting, loop)
    except RuntimeError as error:
        waiting.close()
        with suppress(AttributeError):
            reply.close()  # type: ignore[attr-defined]
        raise TransportError("the event loop has ended: nothing was sent") from error
    try:
        return future.result(deadline.remaining())
    except concurrent.futures.TimeoutError as error:
        future.cancel()
        raise DeadlineError("the provider did not answer in time") from error
    except concurrent.futures.CancelledError as error:
        raise TransportError("the event loop ended before the reply came") from error
