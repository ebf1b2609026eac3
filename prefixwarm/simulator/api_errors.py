"""Errors in the provider's wording."""

from __future__ import annotations

from typing import Any

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class SimulatorError(ValueError):
    """A setting or control call is invalid."""


class ApiError(Exception):
    """A reply with status >= 400.

    Parameters
    ----------
    status : int
        HTTP status.
    message : str
        For people; clients must not match on it.
    error_type : str, optional
        ``error.type``; by default the status's usual type.
    details : dict, optional
        ``error.details``, which holds ``error_code``.
    headers : dict of str to str, optional
        Such as ``retry-after``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        error_type: str | None = None,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error_type = error_type or TYPES.get(status, "api_error")
        self.details = details
        self.headers = headers or {}


def invalid(message: str) -> ApiError:
    """Build the 400 for an invalid request body."""
    return ApiError(400, message)


def refused_by_aws(message: str) -> ApiError:
    """Build the 400 that AWS sends before the model sees the request."""
    return ApiError(400, message, error_type="ValidationException")
