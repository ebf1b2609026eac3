"""Observes requests from their usage alone, as framework callbacks and spans provide it.

The request cannot be compared with the prefix, so drift is not reported. The prefix is the one
named by the caller, or the model's only one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prefixwarm.observe.process_observer import shared_observer

if TYPE_CHECKING:
    from prefixwarm.observe.observer import Observer
    from prefixwarm.prefix.prefix_file import PrefixFile


class UsageWatch:
    """Reports usages to an observer.

    Parameters
    ----------
    source : str
        The source of the usages.
    prefix : str, optional
        The name of the prefix that all of them send.
    observer : Observer, optional
        The observer; by default the process's own.
    """

    def __init__(
        self, source: str, prefix: str | None = None, observer: Observer | None = None
    ) -> None:
        self.observer = observer or shared_observer()
        self._source = source
        self._name = prefix

    def prepare(self, model: object) -> None:
        """Connect to the state while the model call is in flight."""
        with suppress(Exception):
            prefix = self._prefix(model)
            if prefix is not None:
                self.observer.prepare_for(prefix)

    def report(
        self, model: object, usage: object, started: float, response_id: object = None
    ) -> None:
        """Report a response; wait briefly for the first report of a minute.

        Parameters
        ----------
        model : object
            The model's name; anything but text matches no prefix.
        usage : object
            A `Usage`, or anything `prefixwarm.usage.read_usage` accepts; a response without one,
            as some streams are, is no observation.
        started : float
            When the request was sent, in epoch seconds.
        response_id : object, optional
            The provider's id of the response.
        """
        with suppress(Exception):
            prefix = self._prefix(model)
            if prefix is None or not usage:
                return
            identity = response_id if isinstance(response_id, str) else None
            done = self.observer.end_unseen(
                prefix,
                usage,
                started,
                response_id=identity,
                source=self._source,
                sure=self._name is not None,
            )
            self.observer.wait_until_reported(done)

    def _prefix(self, model: object) -> PrefixFile | None:
        prefixes = self.observer.prefixes
        if self._name is not None:
            return next((prefix for prefix in prefixes if prefix.name == self._name), None)
        own = [prefix for prefix in prefixes if isinstance(model, str) and _is_of(prefix, model)]
        return own[0] if len(own) == 1 else None


def _is_of(prefix: PrefixFile, model: str) -> bool:
    """Whether a framework's model name, with or without provider and date, is the prefix's."""
    name = model.rpartition("/")[2]
    return any(name == own or name.startswith(f"{own}-") for own in _names(prefix))


def _names(prefix: PrefixFile) -> list[Any]:
    return [name for name in (prefix.model, prefix.base_model) if name]
