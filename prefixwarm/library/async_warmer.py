"""Warms prefixes with an asynchronous client."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, overload

from prefixwarm.library.event_loop import begin, sender_on_loop
from prefixwarm.library.sync_warmer import WarmerBase
from prefixwarm.library.warm_calls import WarmWish, log_failures, shared
from prefixwarm.process_log import logger
from prefixwarm.warm.error_classification import describe

if TYPE_CHECKING:
    from prefixwarm.library.prepared_prefix import PreparedPrefix
    from prefixwarm.library.warm_result import WarmResult
    from prefixwarm.prefix.prefix_definition import Prefix
    from prefixwarm.prefix.prefix_file import PrefixFile


class AsyncWarmer(WarmerBase):
    """`Warmer` for asyncio: its methods are awaited and never block the event loop.

    A sent call is recorded even if its caller is cancelled.

    Parameters
    ----------
    client : object
        An asynchronous client of the anthropic SDK, or an object whose ``send`` is a coroutine
        function; clients for `Warmer` also work, in threads.
    prefixes, store, prices, placeholder, max_in_flight, timeout, clock
        As in `Warmer`.

    Raises
    ------
    UsageError, SettingsError
        As in `Warmer`.

    Examples
    --------
    >>> warmer = AsyncWarmer(client, [support])
    >>> (await warmer.warm("support")).outcome
    'written'
    """

    _awaits = True

    @overload
    async def warm(
        self, prefix: str | Prefix | PrefixFile, *, verify: bool = False, force: bool = False
    ) -> WarmResult: ...

    @overload
    async def warm(
        self, prefix: None = None, *, verify: bool = False, force: bool = False
    ) -> list[WarmResult]: ...

    async def warm(
        self,
        prefix: str | Prefix | PrefixFile | None = None,
        *,
        verify: bool = False,
        force: bool = False,
    ) -> WarmResult | list[WarmResult]:
        """Warm a prefix, or all prefixes concurrently; see `Warmer.warm`."""
        results = await self._warmed(self.calls.chosen(prefix), verify=verify, force=force)
        return results if prefix is None else results[0]

    async def ensure_cached(self, prefix: str | Prefix | PrefixFile) -> WarmResult:
        """Warm a prefix if its entry has expired; see `Warmer.ensure_cached`."""
        return (await self._warmed([self.calls.prepared(prefix)], only_lapsed=True))[0]

    def start(self) -> asyncio.Task[list[WarmResult]]:
        """Warm all prefixes in a task; failures are logged, not raised.

        Returns
        -------
        task of list of WarmResult
            The task, to wait for.
        """
        return begin(self._started())

    async def _started(self) -> list[WarmResult]:
        try:
            results = await self.warm()
        except Exception as error:  # noqa: BLE001 - the task may not be awaited
            logger.warning("nothing is warmed: %s", describe(error))
            return []
        log_failures(results)
        return results

    async def _warmed(self, prefixes: list[PreparedPrefix], **wish: bool) -> list[WarmResult]:
        begun = self.calls.begin(prefixes, WarmWish(**wish), sender_on_loop(self.calls.kind))
        results = await asyncio.gather(*(asyncio.wrap_future(future) for future, _ in begun))
        return [
            result if own else shared(result)
            for result, (_, own) in zip(results, begun, strict=True)
        ]
