"""A callback for LiteLLM, which reaches providers without their SDKs.

LiteLLM keeps the request as sent, so it is compared as in the SDK's middleware. It calls callbacks
in a thread after the answer, so in a Lambda function the report may wait for the next request or
the environment's end.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prefixwarm.observe.latest import Latest
from prefixwarm.observe.process_observer import shared_observer
from prefixwarm.usage.reading import read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.observe.observer import Observer, Sent


_MARK = "prefixwarm_observes"


def litellm_callback(observer: Observer | None = None) -> Any:
    """Make a callback: ``litellm.callbacks.append(litellm_callback())``.

    Parameters
    ----------
    observer : Observer, optional
        The observer; by default the process's own, with the installed prefix files.

    Returns
    -------
    litellm.integrations.custom_logger.CustomLogger
        For ``litellm.callbacks``.
    """
    from litellm.integrations.custom_logger import CustomLogger

    calls = _Calls(observer)

    class PrefixwarmLogger(CustomLogger):  # type: ignore[misc]
        """Reports what LiteLLM's completions did to the cache."""

        def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:  # noqa: ARG002
            """Compare the request before it is sent."""
            with suppress(Exception):
                calls.start(kwargs)

        def log_success_event(
            self, kwargs: Any, response_obj: Any, *_more: Any, **_times: Any
        ) -> None:
            """Report the response of a synchronous call."""
            with suppress(Exception):
                calls.end(kwargs, response_obj)

        async def async_log_success_event(self, *response: Any, **named: Any) -> None:
            """Report the response of an asynchronous call."""
            self.log_success_event(*response, **named)

    setattr(PrefixwarmLogger, _MARK, True)
    return PrefixwarmLogger()


class _Calls:
    """Requests in progress, by LiteLLM's call id."""

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer
        self._sent: Latest[Any, Sent] = Latest()

    def start(self, call: Mapping[str, Any]) -> None:
        """Compare the request as it is sent; its headers are not available."""
        body = call["additional_args"]["complete_input_dict"]
        body = json.loads(body) if isinstance(body, str | bytes) else body
        named = "modelId" if "inferenceConfig" in body or "toolConfig" in body else "model"
        model = str(call["model"]).removeprefix("converse/").removeprefix("anthropic/")
        watch = self._observer or shared_observer()
        sent = watch.begin({named: model, **body}, {})
        if sent is not None:
            watch.prepare(sent)
            self._sent[call["litellm_call_id"]] = sent

    def end(self, call: Mapping[str, Any], response: Any) -> None:
        """Report the call once: LiteLLM reports some calls through both methods."""
        sent = self._sent.pop(call["litellm_call_id"], None)
        if sent is not None and read_usage(response) is not None:
            watch = self._observer or shared_observer()
            watch.end(sent, response, response_id=response.id, source="litellm")


def observe_litellm(litellm: Any) -> bool:
    """Add a callback to ``litellm.callbacks`` unless present; return whether there is one now."""
    if not any(hasattr(callback, _MARK) for callback in litellm.callbacks):
        litellm.callbacks.append(litellm_callback())
    return True
