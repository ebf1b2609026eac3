"""A stand-in for Terraform's AWS provider, so that the real CLI validates without its registry.

It knows the provider's schema (scripts/update-terraform-schema) and nothing else: arguments,
blocks, types and references are checked by Terraform itself.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SCHEMA", "serving"]

SCHEMA = Path(__file__).parent / "terraform_schema.json"
_ADDRESS = "registry.terraform.io/hashicorp/aws"
_LIST = 2
Json = dict[str, Any]


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """Serve on a socket in `folder`; yields the variables that lead Terraform to it."""
    socket = folder / "provider.sock"
    server = grpc.server(ThreadPoolExecutor(4), handlers=[_Provider()])
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    reattach = {
        "Protocol": "grpc",
        "ProtocolVersion": 5,
        "Pid": os.getpid(),
        "Test": True,
        "Addr": {"Network": "unix", "String": str(socket)},
    }
    try:
        yield {"TF_REATTACH_PROVIDERS": json.dumps({_ADDRESS: reattach})}
    finally:
        server.stop(None).wait()


class _Provider(grpc.GenericRpcHandler):
    """The calls of version 5 of Terraform's plugin protocol that validation makes."""

    def service(self, handler_call_details: Any) -> Any:
        answers = {
            "GetSchema": lambda _: _provider_schema(),
            # Request and response are alike: the configuration as it was given.
            "PrepareProviderConfig": lambda request: request,
            "ValidateResourceTypeConfig": lambda _: b"",
            "ValidateDataSourceConfig": lambda _: b"",
        }
        answer = answers.get(handler_call_details.method.rpartition("/")[2])
        if answer is None:
            return None
        return grpc.unary_unary_rpc_method_handler(lambda request, _: answer(request))


def _provider_schema() -> bytes:
    known = json.loads(SCHEMA.read_text())
    empty = _bytes(2, b"")
    kinds = {2: known["resource"], 3: known["data"]}
    entries = [
        _bytes(field, _bytes(1, name.encode()) + _bytes(2, _bytes(2, _block(schema))))
        for field, schemas in kinds.items()
        for name, schema in schemas.items()
    ]
    return b"".join([_bytes(1, empty), *entries])


def _block(schema: Json) -> bytes:
    attributes = [_bytes(2, _attribute(n, a)) for n, a in schema["attributes"].items()]
    blocks = [_bytes(3, _nested(n, b)) for n, b in schema["blocks"].items()]
    return b"".join([*attributes, *blocks])


def _attribute(name: str, schema: Json) -> bytes:
    words = {4: "required", 5: "optional", 6: "computed"}
    flags = b"".join(_number(field, 1) for field, word in words.items() if schema.get(word))
    return _bytes(1, name.encode()) + _bytes(2, json.dumps(schema["type"]).encode()) + flags


def _nested(name: str, schema: Json) -> bytes:
    least = _number(4, 1) if schema.get("required") else b""
    most = b"" if schema["many"] else _number(5, 1)
    return b"".join(
        [_bytes(1, name.encode()), _bytes(2, _block(schema)), _number(3, _LIST), least, most]
    )


def _bytes(field: int, value: bytes) -> bytes:
    """A length-delimited field of a protocol buffer."""
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    parts = []
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes([*parts, value])
