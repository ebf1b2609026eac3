"""Checks request bodies for errors that the provider answers with 400."""

from __future__ import annotations

from typing import Any

from prefixwarm.fields.zero_output import zero_obstacles
from prefixwarm.simulator import body_shapes, checks, content, schema_rules, tool_rules
from prefixwarm.simulator.api_errors import invalid

Json = dict[str, Any]

_MINIMUM_BUDGET = 1024
_LEAST_TASK_BUDGET = 20_000


def body(value: Any, *, counting: bool = False, inner_markers: str = "outer") -> Json:
    """Check a request body on its own, and return it.

    Parameters
    ----------
    value : object
        The parsed JSON.
    counting : bool
        Whether it is for ``count_tokens``, which needs no ``max_tokens``.
    inner_markers : str
        See `prefixwarm.simulator.Switches`.

    Raises
    ------
    ApiError
        400.
    """
    request = checks.obj(value, "body")
    for key in ("model", "messages") if counting else ("model", "messages", "max_tokens"):
        checks.required(request, key, "")
    body_shapes.check(request, inner_markers=inner_markers)
    if "max_tokens" in request:
        checks.integer(request["max_tokens"], "max_tokens", 0)
    checks.text(request["model"], "model")
    if request.get("system") is not None:
        content.system(request["system"])
    content.messages(request["messages"])
    if request.get("tools") is not None:
        for index, tool in enumerate(checks.objects(request["tools"], "tools")):
            checks.marker(tool, f"tools.{index}.")
    _options(request)
    tool_rules.check(request)
    tool_rules.check_choice(request)
    return request


def _options(request: Json) -> None:
    checks.marker(request, "")
    if request.get("stream") is not None:
        checks.boolean(request["stream"], "stream")
    _choice(request, "inference_geo", ("global", "us"))
    _output_config(request)
    _thinking(request)
    _stop_sequences(request)
    previous = (request.get("diagnostics") or {}).get("previous_message_id")
    if previous is not None:
        checks.text(previous, "diagnostics.previous_message_id")
    if request.get("top_k") is not None:
        checks.integer(request["top_k"], "top_k", 0)
    for name in ("temperature", "top_p"):
        _fraction(request.get(name), name)


def _stop_sequences(request: Json) -> None:
    for index, stop in enumerate(request.get("stop_sequences") or ()):
        if not checks.text(stop, f"stop_sequences.{index}").strip():
            raise invalid(f"stop_sequences.{index}: each must contain non-whitespace")


def _choice(request: Json, name: str, accepted: tuple[str, ...]) -> None:
    if request.get(name) is not None:
        checks.choice(request[name], accepted, name)


def _fraction(value: Any, name: str) -> None:
    if value is None:
        return
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1:
        raise invalid(f"{name}: Input should be a number from 0 to 1")


def _output_config(request: Json) -> None:
    config = request.get("output_config")
    formats = {"output_format": request.get("output_format")}
    if config is not None:
        checks.obj(config, "output_config")
        formats["output_config.format"] = config.get("format")
        _task_budget(config.get("task_budget"))
    for path, form in formats.items():
        if form is not None:
            schema = checks.required(checks.obj(form, path), "schema", f"{path}.")
            schema_rules.check_output(checks.obj(schema, f"{path}.schema"), f"{path}.schema")
            _no_citations(request, path)


def _task_budget(budget: Json | None) -> None:
    if budget is not None:
        path = "output_config.task_budget.total"
        checks.integer(budget["total"], path, _LEAST_TASK_BUDGET)


def _no_citations(request: Json, path: str) -> None:
    for number, message in enumerate(request["messages"]):
        blocks = message.get("content")
        for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
            citations = block.get("citations")
            if isinstance(citations, dict) and citations.get("enabled"):
                raise invalid(
                    f"{path}: structured outputs cannot be combined with citations "
                    f"(messages.{number}.content.{index})"
                )


def _thinking(request: Json) -> None:
    if request.get("thinking") is None:
        return
    thinking = checks.obj(request["thinking"], "thinking")
    if thinking["type"] != "enabled":
        return
    budget = thinking["budget_tokens"]
    checks.integer(budget, "thinking.enabled.budget_tokens", _MINIMUM_BUDGET)
    if "max_tokens" in request and budget >= request["max_tokens"]:
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`")


def max_tokens(request: Json, *, refuse_zero: bool) -> None:
    """Check that the request allows ``max_tokens: 0``.

    Notes
    -----
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pre-warming-the-cache
    """
    if request.get("max_tokens") != 0:
        return
    if refuse_zero:
        raise invalid("max_tokens: Input should be greater than or equal to 1")
    for obstacle in zero_obstacles(request):
        raise invalid(
            f"max_tokens: 0 is not supported together with {obstacle.place} '{obstacle.value}'"
        )
