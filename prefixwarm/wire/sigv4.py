"""Signs requests with AWS Signature Version 4; tested against AWS's published vectors."""

from __future__ import annotations

from time import gmtime, strftime

from prefixwarm.wire.accelerated import hmac_sha256, sha256_hex, sha256_of
from prefixwarm.wire.record import Record
from prefixwarm.wire.request_body import chunks
from prefixwarm.wire.url import quote, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.wire.http import Request


_ALGORITHM = "AWS4-HMAC-SHA256"


class AwsCredentials(Record):
    """An AWS key pair; `token` for temporary credentials."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"AwsCredentials(access_key={self.access_key!r})"


def sign(
    request: Request,
    credentials: AwsCredentials,
    *,
    region: str,
    service: str,
    now: float,
) -> Request:
    """Return the request with signature headers.

    Parameters
    ----------
    now
        Epoch seconds; AWS refuses signatures older than five minutes.
    """
    stamp = strftime("%Y%m%dT%H%M%SZ", gmtime(now))
    headers = {**request.headers, "X-Amz-Date": stamp}
    if credentials.token:
        headers["X-Amz-Security-Token"] = credentials.token
    canonical, signed = _canonical(request.replace(headers=headers), service)
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, scope, sha256_hex(canonical.encode())))
    signature = hmac_sha256(_key(credentials, stamp[:8], region, service), text.encode())
    headers["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, "
        f"SignedHeaders={signed}, Signature={signature.hex()}"
    )
    return request.replace(headers=headers)


def _canonical(request: Request, service: str) -> tuple[str, str]:
    """The canonical request, and the names of its signed headers."""
    url = split(request.url)
    headers = {name.lower(): " ".join(value.split()) for name, value in request.headers.items()}
    headers["host"] = url.authority
    signed = ";".join(sorted(headers))
    path, _, query = url.path.partition("?")
    lines = [
        request.method,
        quote(_normal_path(path), "/") if service != "s3" else path,
        _canonical_query(query),
        *(f"{name}:{headers[name]}" for name in sorted(headers)),
        "",
        signed,
        sha256_of(chunks(request.body)),
    ]
    return "\n".join(lines), signed


def _normal_path(path: str) -> str:
    """The path without empty and dot segments, as AWS normalises it to verify the signature."""
    if "//" not in path and "/." not in path:
        return path
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    end = "/" if segments and path.endswith("/") else ""
    return f"/{'/'.join(segments)}{end}"


def _canonical_query(query: str) -> str:
    pairs = sorted(pair.partition("=") for pair in query.split("&") if pair)
    return "&".join(f"{name}={value}" for name, _, value in pairs)


def _key(credentials: AwsCredentials, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{credentials.secret_key}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac_sha256(key, part.encode())
    return key
