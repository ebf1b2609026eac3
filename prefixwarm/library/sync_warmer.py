"""Warms prefixes through an existing client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from prefixwarm.library.steady_clock import steady_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from prefixwarm.library.prepared_prefix import AnyPrefix, PreparedPrefix
    from prefixwarm.library.store_argument import Store
    from prefixwarm.library.warm_result import WarmResult
    from prefixwarm.prefix.prefix_definition import Prefix
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.prices import OwnPrices


class WarmerBase:
    """The arguments and prefixes of `Warmer` and `AsyncWarmer`; see `Warmer`."""

    _awaits: bool

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
        self.calls = WarmCalls(client, prefixes, options, awaits=self._awaits)

    @property
    def prefixes(self) -> list[str]:
        """The names of its prefixes."""
        return list(self.calls.prefixes)


class Warmer(WarmerBase):
    """Warms shared prefixes through your client, and reports what each call did and cost.

    If many threads ask for a prefix at once, one call is made; with a `store`, the same holds for
    all processes and deployed functions that share it.

    Parameters
    ----------
    client : object
        A client of the anthropic SDK for any platform, boto3's client of ``bedrock-runtime``, or
        any object with ``send(request) -> response``. Its authentication, proxy, retries and hooks
        are used as they are.
    prefixes : Prefix, PrefixFile or path, or iterable of them
        The prefixes, with distinct names.
    store : str or path, optional
        Where to keep the warm state: a DynamoDB table's name, or a `pathlib.Path` for the processes
        of one machine. By default each warmer has its own.
    prices : mapping, optional
        Your own prices, see `prefixwarm.prices.price`.
    placeholder : str, optional
        The text of the message after the prefix in a warm call.
    max_in_flight : int
        The most concurrent calls, over all prefixes.
    timeout : float
        Seconds that a call may take.
    clock : callable
        Returns epoch seconds.

    Raises
    ------
    UsageError
        The client cannot make warm calls, or a prefix cannot be warmed through it.
    SettingsError
        A prefixwarm setting in the environment is invalid.

    Examples
    --------
    >>> warmer = Warmer(anthropic.Anthropic(), [support])
    >>> warmer.warm("support").outcome
    'written'
    """

    _awaits = False

    @overload
    def warm(
        self, prefix: str | Prefix | PrefixFile, *, verify: bool = False, force: bool = False
    ) -> WarmResult: ...

    @overload
    def warm(
        self, prefix: None = None, *, verify: bool = False, force: bool = False
    ) -> list[WarmResult]: ...

    def warm(
        self,
        prefix: str | Prefix | PrefixFile | None = None,
        *,
        verify: bool = False,
        force: bool = False,
    ) -> WarmResult | list[WarmResult]:
        """Warm a prefix, or all prefixes concurrently.

        Skips an entry whose refresh is not due yet.

        Parameters
        ----------
        prefix : str, Prefix or PrefixFile, optional
            The name of one of the warmer's prefixes, or a new prefix to add; by default all.
        verify : bool
            Whether to make a second call to read the entry; the result's cost includes both.
        force : bool
            Whether to send the call even if the entry is warm.

        Returns
        -------
        WarmResult, or list of them
            Failures are reported in the result; provider and network errors are not raised.

        Raises
        ------
        UsageError
            There is no prefix of this name, or a new one cannot be warmed.
        """
        results = self._warmed(self.calls.chosen(prefix), verify=verify, force=force)
        return results if prefix is None else results[0]

    def ensure_cached(self, prefix: str | Prefix | PrefixFile) -> WarmResult:
        """Warm a prefix if its entry has expired; call right before using it.

        Raises
        ------
        UsageError
            As in `warm`.
        """
        return self._warmed([self.calls.prepared(prefix)], only_lapsed=True)[0]

    def start(self) -> Future[list[WarmResult]]:
        """Warm all prefixes in a thread; failures are logged, not raised.

        Returns
        -------
        future of list of WarmResult
            The future, to wait for.
        """
        from prefixwarm.library.warm_calls import started

        return started(self.warm)

    def _warmed(self, prefixes: list[PreparedPrefix], **wish: bool) -> list[WarmResult]:
        from prefixwarm.library.client_kind import UserClient
        from prefixwarm.library.warm_calls import WarmWish, shared

        begun = self.calls.begin(prefixes, WarmWish(**wish), UserClient(self.calls.kind))
        return [future.result() if own else shared(future.result()) for future, own in begun]
