"""Distinguishes warm calls from real requests, whoever makes them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from prefixwarm.warm.call_context import is_warm_call

_NOTHING = re.compile(rb'"max_tokens"\s*:\s*0\b')


def only_warms(request: Any) -> bool:
    """Whether a request being sent only warms the cache.

    It does if a `Warmer` sends it, if it requests no output (only warm calls do), or if it requests
    OpenAI's ``prewarm``.

    Parameters
    ----------
    request : mapping
        Its body, or the parameters of boto3's InvokeModel.
    """
    return is_warm_call() or _wants_nothing(_body(request))


def _wants_nothing(body: Mapping[str, Any]) -> bool:
    options, config = body.get("prompt_cache_options"), body.get("inferenceConfig")
    if isinstance(options, Mapping) and options.get("prewarm") is True:
        return True
    limit = config.get("maxTokens") if isinstance(config, Mapping) else body.get("max_tokens")
    return type(limit) is int and limit == 0


def _body(request: Any) -> Mapping[str, Any]:
    if not isinstance(request, Mapping):
        return {}
    raw = request.get("body")
    if raw is None or "modelId" not in request:
        return request
    data = raw.encode() if isinstance(raw, str) else bytes(raw)
    parsed = json.loads(data) if _NOTHING.search(data) else {}
    return parsed if isinstance(parsed, Mapping) else {}
