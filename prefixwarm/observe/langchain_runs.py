"""A callback handler for LangChain and LangGraph, for any chat model."""

from __future__ import annotations

from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Any

from prefixwarm.observe.latest import Latest
from prefixwarm.observe.usage_only import UsageWatch

if TYPE_CHECKING:
    from prefixwarm.observe.observer import Observer


_MODEL_NAMES = ("model", "model_name", "model_id")


def langchain_callback(prefix: str | None = None, observer: Observer | None = None) -> Any:
    """Make a handler: ``model.invoke(..., config={"callbacks": [langchain_callback()]})``.

    Parameters
    ----------
    prefix : str, optional
        The name of the prefix that the model's requests send; by default the only one of its model.
    observer : Observer, optional
        The observer; by default the process's own, with the installed prefix files.

    Returns
    -------
    langchain_core.callbacks.BaseCallbackHandler
        For ``callbacks``. It sees what a reply billed but not what was sent, so it reports no
        drift. Requests that the SDK's middleware also reports are reported once.
    """
    from langchain_core.callbacks import BaseCallbackHandler

    calls = _Calls(prefix, observer)

    class PrefixwarmHandler(BaseCallbackHandler):  # type: ignore[misc]
        """Reports what a chat model's replies did to the cache."""

        def on_chat_model_start(
            self,
            serialized: Any,  # noqa: ARG002
            messages: Any,  # noqa: ARG002
            *,
            run_id: Any,
            **more: Any,
        ) -> None:
            """Note when the request was sent."""
            with suppress(Exception):
                calls.start(run_id, more.get("invocation_params") or {})

        def on_llm_end(self, response: Any, *, run_id: Any, **_more: Any) -> None:
            """Report the reply."""
            with suppress(Exception):
                calls.end(run_id, response.generations[0][0].message)

        def on_llm_error(self, error: Any, *, run_id: Any, **_more: Any) -> None:  # noqa: ARG002
            """Forget the request."""
            calls.forget(run_id)

    return PrefixwarmHandler()


class _Calls:
    """Calls in flight: when they were sent, and to which model."""

    def __init__(self, prefix: str | None, observer: Observer | None) -> None:
        self._watch = UsageWatch("langchain", prefix, observer)
        self._started: Latest[Any, tuple[float, Any]] = Latest()

    def start(self, run_id: Any, parameters: dict[str, Any]) -> None:
        """Note that a call is sent now."""
        model = next((parameters[name] for name in _MODEL_NAMES if parameters.get(name)), None)
        self._started[run_id] = time(), model
        self._watch.prepare(model)

    def end(self, run_id: Any, message: Any) -> None:
        """Report the call's reply."""
        started, model = self._started.pop(run_id, (time(), None))
        metadata = message.response_metadata
        model = model or next((metadata[name] for name in _MODEL_NAMES if metadata.get(name)), None)
        identity = metadata.get("id") or (metadata.get("ResponseMetadata") or {}).get("RequestId")
        self._watch.report(model, message.usage_metadata, started, identity)

    def forget(self, run_id: Any) -> None:
        """Forget a failed call."""
        self._started.pop(run_id, None)
