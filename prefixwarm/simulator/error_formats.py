"""Formats errors and identifying headers as each route does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.simulator.bedrock_runtime import ROUTES
from prefixwarm.simulator.http_types import Reply, json_reply

if TYPE_CHECKING:
    from prefixwarm.simulator.api_errors import ApiError


# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html#API_runtime_InvokeModel_Errors
_BEDROCK = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    504: "ModelTimeoutException",
    529: "ServiceUnavailableException",
}
_BEDROCK_STATUS = {401: 403, 402: 403, 405: 404, 409: 400, 413: 400, 504: 408, 529: 503}


def error(failure: ApiError, route: str | None, request_id: str) -> Reply:
    """Build the reply to a failed request."""
    if route in ROUTES:
        return _bedrock(failure, route)
    inner: dict[str, Any] = {"type": failure.error_type, "message": failure.message}
    if failure.details is not None:
        inner["details"] = failure.details
    body = {"type": "error", "error": inner, "request_id": request_id}
    return json_reply(failure.status, body, failure.headers)


def _bedrock(failure: ApiError, route: str | None) -> Reply:
    status = _BEDROCK_STATUS.get(failure.status, failure.status)
    own = failure.error_type.endswith("Exception")
    name = failure.error_type if own else _BEDROCK.get(failure.status) or _BEDROCK[status]
    headers = {"x-amzn-errortype": name, **failure.headers}
    by_model = route == "bedrock-converse" and failure.error_type == "invalid_request_error"
    preamble = "The model returned the following errors: " if by_model else ""
    return json_reply(status, {"message": preamble + failure.message}, headers)


def identify(reply: Reply, route: str | None, request_id: str) -> None:
    """Add the headers that every reply carries."""
    reply.headers["request-id"] = request_id
    if route not in (None, "anthropic"):
        reply.headers["x-amzn-requestid"] = request_id
