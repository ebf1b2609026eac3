"""JSON and digests, straight from the interpreter's C accelerators.

`json` loads the regular-expression compiler, and `hashlib` and `hmac` probe every algorithm:
together 40 million instructions that the init phase does not need. Results match the public
modules byte for byte; tests compare them.
"""

from __future__ import annotations

from _hashlib import hmac_digest, openssl_sha256
from _json import encode_basestring_ascii, make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


_SPACE = " \t\n\r"


class _Options:
    """The options that `json.JSONDecoder` would pass to the scanner."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012


_scan = make_scanner(_Options)  # type: ignore[arg-type] # any object with these attributes


def loads(data: bytes) -> Any:
    """Parse JSON, as `json.loads` does.

    Raises
    ------
    ValueError
        It is not JSON.
    """
    text = data.decode("utf-8")
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = _scan(text, start)
    except StopIteration as error:
        raise ValueError(f"not JSON at character {error.value}") from None
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    except SystemError:
        # Before 3.12 the scanner has no error class until something imports `json.decoder`.
        raise ValueError("not JSON") from None
    if text[end:].strip(_SPACE):
        raise ValueError(f"more than one JSON value: character {end}")
    return value


def dumps(value: object) -> bytes:
    """Serialise plain values without white space, as `json.dumps` does with those separators."""
    if isinstance(value, str):
        return encode_basestring_ascii(value).encode()
    if isinstance(value, dict):
        pairs = (encode_basestring_ascii(k).encode() + b":" + dumps(v) for k, v in value.items())
        return b"{" + b",".join(pairs) + b"}"
    if isinstance(value, (list, tuple)):
        return b"[" + b",".join(dumps(item) for item in value) + b"]"
    if value is None or isinstance(value, bool):
        return {None: b"null", True: b"true", False: b"false"}[value]
    if isinstance(value, (int, float)):
        return repr(value).encode()
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def sha256_hex(data: bytes) -> str:
    """SHA-256 in hex digits."""
    return openssl_sha256(data).hexdigest()


def sha256_of(parts: Iterable[bytes]) -> str:
    """SHA-256 of the concatenated parts in hex digits, with one part in memory at a time."""
    digest = openssl_sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """HMAC with SHA-256."""
    return hmac_digest(key, data, "sha256")
