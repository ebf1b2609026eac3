"""Warm prefixes with the client that one has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from prefixwarm.library.steady_clock import steady_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from prefixwarm.library.prepared_prefix import AnyPrefix, PreparedPrefix
    from prefixwarm.library.store_argument import Store
    from prefixwarm.library.warm_calls import WarmWish
    from prefixwarm.library.warm_result import WarmResult
    from prefixwarm.prefix.prefix_definition import Prefix
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.prices import OwnPrices


class Warmer:
    """Warms shared prefixes through a client of yours, and says what each call did and cost.

    However many threads ask for a prefix at once, one call is made; with a `store`, the processes
    and the deployed functions that share it make one as well.

    Parameters
    ----------
    client : object
        A client of the anthropic SDK for any platform, boto3's client of ``bedrock-runtime``, or
        any object with ``send(request) -> response``. Its authentication, proxy, retries and hooks
        are used as they are.
    prefixes : Prefix, PrefixFile or path, or iterable of them
        What is shared; each with a name of its own.
    store : str or path, optional
        Where the warm state is kept: a DynamoDB table's name, or a `pathlib.Path` for the processes
        of one machine. By default it is this warmer's own.
    prices : mapping, optional
        Your own prices, see `prefixwarm.prices.price`.
    placeholder : str, optional
        The text of the message that stands behind the prefix in a warm call.
    max_in_flight : int
        Calls at a time, of all prefixes together.
    timeout : float
        Seconds that a call may take.
    clock : callable
        Gives the time in epoch seconds.

    Raises
    ------
    UsageError
        When the client makes no warm calls, or a prefix cannot be warmed through it.
    SettingsError
        When the environment's settings of prefixwarm are not understood.

    Examples
    --------
    >>> warmer = Warmer(anthropic.Anthropic(), [support])
    >>> warmer.warm("support").outcome
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
        # What it takes to make calls is not needed to import the name, nor cheap.
        from prefixwarm.library.client_kind import UserClient
        from prefixwarm.library.warm_calls import Options, WarmCalls

        options = Options(
            store=store,
            prices=prices,
            placeholder=placeholder,
            max_in_flight=max_in_flight,
            timeout=timeout,
            clock=clock,
        )
        self.calls = WarmCalls(client, prefixes, options, awaits=False)
        self.sender = UserClient(self.calls.kind)

    @property
    def prefixes(self) -> list[str]:
        """The names of its prefixes."""
        return list(self.calls.prefixes)

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
        """Warm a prefix, or all of them side by side.

        An entry that was used so lately that its refresh is not due is left alone.

        Parameters
        ----------
        prefix : str, Prefix or PrefixFile, optional
            One of the warmer's prefixes by its name, or one that becomes the warmer's; by default
            all of them.
        verify : bool
            Whether to read the entry once more; the result's dollars hold both calls.
        force : bool
            Whether to send the call even where the entry is warm.

        Returns
        -------
        WarmResult, or list of them
            What went wrong stands in there: no provider's or network's error is raised.

        Raises
        ------
        UsageError
            When there is no prefix of this name, or a new one cannot be warmed.
        """
        from prefixwarm.library.warm_calls import WarmWish

        wish = WarmWish(verify=verify, force=force)
        if prefix is not None:
            return self._warmed([self.calls.prepared(prefix)], wish)[0]
        return self._warmed(list(self.calls.prefixes.values()), wish)

    def ensure_cached(self, prefix: str | Prefix | PrefixFile) -> WarmResult:
        """Warm a prefix if its life has run out: right before it is used.

        Raises
        ------
        UsageError
            As `warm`.
        """
        from prefixwarm.library.warm_calls import WarmWish

        return self._warmed([self.calls.prepared(prefix)], WarmWish(only_lapsed=True))[0]

    def start(self) -> Future[list[WarmResult]]:
        """Warm all prefixes in a thread; failures are logged, and never raised.

        Returns
        -------
        future of list of WarmResult
            For who wants to wait.
        """
        from prefixwarm.library.warm_calls import started

        return started(self.warm)

    def _warmed(self, prefixes: list[PreparedPrefix], wish: WarmWish) -> list[WarmResult]:
        from prefixwarm.library.warm_calls import shared

        begun = [self.calls.begin(prefix, wish, self.sender) for prefix in prefixes]
        return [future.result() if own else shared(future.result()) for future, own in begun]
