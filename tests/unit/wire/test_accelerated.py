"""The lean JSON and digests agree with the public modules."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prefixwarm
from prefixwarm.wire.accelerated import dumps, hmac_sha256, loads, sha256_hex

_FLAT = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    _FLAT | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_writes_what_json_writes(value: object) -> None:
    """Byte for byte, key order and lone surrogates included."""
    assert dumps(value) == json.dumps(value, separators=(",", ":")).encode()


@given(_JSON, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_reads_what_json_reads(value: object, indent: int | str | None, ascii_only: bool) -> None:
    """Any layout, escaped or not."""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    data = f" \r\n{text}\t".encode("utf-8", "ignore")
    result = loads(data)
    assert result == json.loads(data)
    assert json.dumps(result) == json.dumps(json.loads(data))


@given(st.text('{}[]",:0123456789.eE-+truefalsn \\u\n', max_size=12) | st.text())
def test_refuses_what_json_refuses(text: str) -> None:
    """The same texts are JSON."""
    data = text.encode("utf-8", "ignore")
    try:
        expected = json.dumps(json.loads(data.decode()))
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011
            loads(data)
    else:
        assert json.dumps(loads(data)) == expected


@pytest.mark.parametrize("data", [b"", b" ", b"\xff", b"[" * 100_000, b'{"a":1}x', b'{"a"', b'"'])
def test_refuses_garbage(data: bytes) -> None:
    """Always with a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011
        loads(data)


@pytest.mark.parametrize("text", ['{"a"', '"', "[1,", '{"a":1,}', r'"\u12'])
def test_refuses_garbage_where_json_was_never_imported(text: str) -> None:
    """As in the init phase: the scanner would look its error class up in `json.decoder`."""
    root = Path(prefixwarm.__file__).parent.parent
    program = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from prefixwarm.wire.accelerated import loads\n"
        f"try: loads({text.encode()!r})\n"
        "except ValueError: print('refused')"
    )
    command = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"


def test_refuses_values_that_json_does_not_know() -> None:
    """No silent guesses."""
    with pytest.raises(TypeError, match="set is not a JSON value"):
        dumps({"a": {1}})


@given(st.binary(), st.binary())
def test_digests(key: bytes, data: bytes) -> None:
    """SHA-256 and HMAC are those of hashlib and hmac."""
    assert sha256_hex(data) == hashlib.sha256(data).hexdigest()
    assert hmac_sha256(key, data) == hmac.digest(key, data, "sha256")
