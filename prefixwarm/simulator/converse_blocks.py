"""Translates Converse's blocks and tools to the Messages API; keys keep their order."""

from __future__ import annotations

from typing import Any

import orjson

from prefixwarm.simulator.api_errors import refused_by_aws

Json = dict[str, Any]

_TOOL = {"inputSchema": "input_schema"}
_USE = {"toolUseId": "id"}
_RESULT = {"toolUseId": "tool_use_id"}


def tool(element: Json, place: str) -> Json:
    """Translate a tool.

    Raises
    ------
    ApiError
        400 for a tool type of another provider's models.
    """
    if "toolSpec" not in element:
        raise refused_by_aws(f"This model doesn't support the system tool at {place}.")
    translated = {_TOOL.get(name, name): value for name, value in element["toolSpec"].items()}
    return {**translated, "input_schema": translated["input_schema"]["json"]}


def block(element: Json, place: str) -> Json:
    """Translate a block of the content or of the system prompt.

    Raises
    ------
    ApiError
        400 for blank text, and for blocks that Claude does not accept.
    """
    kind, value = next((name, inner) for name, inner in element.items() if inner is not None)
    if kind == "text":
        return _text(value, "ContentBlock", place)
    if kind not in _TRANSLATED:
        raise refused_by_aws(
            f"This model doesn't support the {kind} content block that you provided. Remove the "
            f"{kind} content block and try again."
        )
    translated: Json = _TRANSLATED[kind](value, place)
    return translated


def _text(text: str, holder: str, place: str) -> Json:
    if not text or text.isspace():
        raise refused_by_aws(
            f"The text field in the {holder} object at {place} is blank. Add text to the text "
            "field, and try again."
        )
    return {"type": "text", "text": text}


def _image(value: Json, _place: str) -> Json:
    source = value["source"]
    if "bytes" not in source:
        return {"type": "image", "source": {"type": "url", "url": source["s3Location"]["uri"]}}
    kind = f"image/{value['format']}"
    return {
        "type": "image",
        "source": {"type": "base64", "media_type": kind, "data": source["bytes"]},
    }


def _document(value: Json, _place: str) -> Json:
    pdf = value.get("format", "pdf") == "pdf"
    kind, data = next(iter(value["source"].items()))
    source: Json = {"type": "text", "media_type": "text/plain", "data": str(data)}
    if kind == "bytes" and pdf:
        source = {"type": "base64", "media_type": "application/pdf", "data": data}
    elif kind == "s3Location":
        source = {"type": "url", "url": data["uri"]}
    elif kind == "content":
        texts = [{"type": "text", "text": item["text"]} for item in data]
        source = {"type": "content", "content": texts}
    more = {name: value[name] for name in ("context", "citations") if value.get(name) is not None}
    return {"type": "document", "source": source, "title": value["name"], **more}


def _tool_use(value: Json, _place: str) -> Json:
    return {"type": "tool_use", **{_USE.get(k, k): v for k, v in value.items() if k != "type"}}


def _tool_result(value: Json, place: str) -> Json:
    result: Json = {"type": "tool_result"}
    for name, inner in value.items():
        if name == "content":
            at = f"{place}.toolResult.content"
            result["content"] = [_inside(item, f"{at}.{i}") for i, item in enumerate(inner)]
        elif name == "status":
            result["is_error"] = inner == "error"
        elif name != "type":
            result[_RESULT.get(name, name)] = inner
    return result


def _inside(element: Json, place: str) -> Json:
    if "json" in element:
        return {"type": "text", "text": orjson.dumps(element["json"]).decode()}
    return block(element, place)


def _reasoning(value: Json, _place: str) -> Json:
    if "redactedContent" in value:
        return {"type": "redacted_thinking", "data": value["redactedContent"]}
    reasoning = value["reasoningText"]
    return {
        "type": "thinking",
        "thinking": reasoning["text"],
        "signature": reasoning.get("signature") or "",
    }


def _guarded(value: Json, place: str) -> Json:
    if "image" in value:
        return _image(value["image"], place)
    return _text(value["text"]["text"], "GuardrailConverseTextBlock", place)


def _cited(value: Json, place: str) -> Json:
    text = "".join(item.get("text") or "" for item in value.get("content") or ())
    return _text(text, "CitationsContentBlock", place)


def _search_result(value: Json, _place: str) -> Json:
    content = [{"type": "text", "text": item["text"]} for item in value["content"]]
    return {"type": "search_result", **value, "content": content}


_TRANSLATED = {
    "image": _image,
    "document": _document,
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "reasoningContent": _reasoning,
    "guardContent": _guarded,
    "citationsContent": _cited,
    "searchResult": _search_result,
}
