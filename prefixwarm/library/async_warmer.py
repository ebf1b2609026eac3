"""Warms prefixes with an asynchronous client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from prefixwarm.library.steady_clock import steady_time

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from prefixwarm.library.prepared_prefix import AnyPrefix, PreparedPrefix
    from prefixwarm.library.store_argument import Store
    from prefixwarm.library.warm_calls import WarmWish
    from prefixwarm.library.warm_result import WarmResult
    from prefixwarm.prefix.prefix_definition import Prefix
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.prices import OwnPrices


class AsyncWarmer:
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

    def __init__(
        self,
        client: Any,
        prefixes: Iterable[AnyPrefix] | AnyPrefix = (),
        *,
        store: Store = None,
        prices: OwnPrices | None = None,
        placeholder: str | None = None,
        max_in_flight: int = 8,
        timeout: float = 60.0,
        clock: Callable[[], float] = steady_time,
    ) -> None:
        # Imported here: expensive, and not needed just to import the name.
        from prefixwarm.library.warm_calls import Options, WarmCalls

        options = Options(
            store=store,
            prices=prices,
            placeholder=placeholder,
            max_in_flight=max_in_flight,
            timeout=timeout,
            clock=clock,
        )
        self.calls = WarmCalls(client, prefixes, options, awaits=True)
        self._tasks: set[asyncio.Task[list[WarmResult]]] = set()

    @property
    def prefixes(self) -> list[str]:
        """The names of its prefixes."""
        return list(self.calls.prefixes)

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
        from prefixwarm.library.warm_calls import WarmWish

        wish = WarmWish(verify=verify, force=force)
        if prefix is not None:
            return (await self._warmed([self.calls.prepared(prefix)], wish))[0]
        return await self._warmed(list(self.calls.prefixes.values()), wish)

    async def ensure_cached(self, prefix: str | Prefix | PrefixFile) -> WarmResult:
        """Warm a prefix if its entry has expired; see `Warmer.ensure_cached`."""
        from prefixwarm.library.warm_calls import WarmWish

        wish = WarmWish(only_lapsed=True)
        return (await self._warmed([self.calls.prepared(prefix)], wish))[0]

    def start(self) -> asyncio.Task[list[WarmResult]]:
        """Warm all prefixes in a task; failures are logged, not raised.

        Returns
        -------
        task of list of WarmResult
            The task, to wait for.
        """
        import asyncio

        task = asyncio.get_running_loop().create_task(self._started())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _started(self) -> list[WarmResult]:
        from prefixwarm.library.warm_calls import log_failures
        from prefixwarm.process_log import logger
        from prefixwarm.warm.error_classification import describe

        try:
            results = await self.warm()
        except Exception as error:  # noqa: BLE001 - the task may not be awaited
            logger.warning("nothing is warmed: %s", describe(error))
            return []
        log_failures(results)
        return results

    async def _warmed(self, prefixes: list[PreparedPrefix], wish: WarmWish) -> list[WarmResult]:
        import asyncio

        from prefixwarm.library.event_loop import sender_on_loop
        from prefixwarm.library.warm_calls import shared

        sender = sender_on_loop(self.calls.kind)
        begun = [self.calls.begin(prefix, wish, sender) for prefix in prefixes]
        results = await asyncio.gather(*(asyncio.wrap_future(future) for future, _ in begun))
        return [
            result if own else shared(result)
            for result, (_, own) in zip(results, begun, strict=True)
        ]
