"""Sends recorded requests on to the simulator, or to the provider itself."""

from __future__ import annotations

import urllib.request
from time import time
from typing import TYPE_CHECKING, cast
from urllib.error import HTTPError

from prefixwarm.errors import UsageError
from prefixwarm.safe_text import quoted
from prefixwarm.wire.aws import partition_suffix, region_of
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import Request
from prefixwarm.wire.sigv4 import sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from http.client import HTTPResponse

    from prefixwarm.provider.routes import Route
    from prefixwarm.wire.sigv4 import AwsCredentials

    Credentials = Callable[[Deadline], AwsCredentials]


_SECONDS = 600.0
_SIGNATURE = "AWS4-HMAC-SHA256"
_SIGNED_AFRESH = ("authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Returns redirects to the agent instead of following them."""

    def redirect_request(self, *_args: object, **_kwargs: object) -> None:
        """Follow nothing."""


class Upstream:
    """The destination of one route.

    Parameters
    ----------
    route
        The route it serves.
    base
        URL to which a request's path is appended; ``{region}`` becomes the region in the request's
        signature, or the environment's.
    environ
        Sets the AWS region of unsigned requests.
    credentials
        Sign AWS requests again, because the agent signed them for the recording endpoint. None if
        the destination does not verify signatures; then no proxy is used either.
    """

    def __init__(
        self,
        route: Route,
        base: str,
        environ: Mapping[str, str],
        credentials: Credentials | None = None,
    ) -> None:
        self.route = route
        self._base = base.rstrip("/")
        self._environ = environ
        self._credentials = credentials
        proxies = None if credentials else urllib.request.ProxyHandler({})
        handlers = [_NoRedirect(), *([proxies] if proxies else [])]
        self._opener = urllib.request.build_opener(*handlers)

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes) -> HTTPResponse:
        """Send one request and return the response to stream.

        Raises
        ------
        OSError
            The destination cannot be reached.
        PrefixwarmError
            A required AWS region or credentials are missing, or the request's target or region
            would lead to another host.
        """
        if not path.startswith("/"):
            raise UsageError(f"{quoted(path)}: the target of a request must begin with /")
        if path.startswith("/messages") and not self._base.endswith("/v1"):
            # The agent's client has the version in its base URL, which prefixwarm has replaced.
            path = f"/v1{path}"
        signed_for = _signed_region(headers)
        request = Request(
            method=method, url=self._located(signed_for) + path, headers=headers, body=body
        )
        if self._credentials and signed_for:
            request = self._signed(request, self._credentials, signed_for)
        carried = urllib.request.Request(  # noqa: S310 - the base is the route's own or the user's
            request.url,
            data=request.body or None,
            headers=request.headers,
            method=method,
        )
        try:
            response: HTTPResponse = self._opener.open(carried, timeout=_SECONDS)
        except HTTPError as error:
            return cast("HTTPResponse", error)
        return response

    def _located(self, signed_for: str) -> str:
        if "{region}" not in self._base:
            return self._base
        region = signed_for or region_of(self._environ)
        # The agent chooses this part of the host name.
        if not (region.isascii() and region.replace("-", "").isalnum()):
            raise UsageError(f"{quoted(region)} is not an AWS region")
        return self._base.format(region=region, suffix=partition_suffix(region))

    def _signed(self, request: Request, credentials: Credentials, region: str) -> Request:
        unsigned = {k: v for k, v in request.headers.items() if k.lower() not in _SIGNED_AFRESH}
        return sign(
            request.replace(headers=unsigned),
            credentials(Deadline.after(10)),
            region=region,
            service=str(self.route.signing_service),
            now=time(),
        )


def _signed_region(headers: Mapping[str, str]) -> str:
    """The region in a SigV4 signature's scope, or ""."""
    header = next((v for k, v in headers.items() if k.lower() == "authorization"), "")
    scope = header.partition("Credential=")[2].split("/")
    return scope[2] if header.startswith(_SIGNATURE) and len(scope) > 4 else ""
