"""Core's use of the interpreter's private modules, on every interpreter that is at hand."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

import prefixwarm

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.loopback import Peer, Serve

ROOT = Path(prefixwarm.__file__).parent.parent
CODE = """
import sys
sys.path.insert(0, sys.argv[1])
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.deadline import Deadline
from prefixwarm.errors import ConnectError
from prefixwarm.wire.http import HttpTransport
from prefixwarm.wire.sigv4 import AwsCredentials

def call(bundle, port, host="127.0.0.1"):
    environ = {"AWS_ENDPOINT_URL": f"https://{host}:{port}", "AWS_REGION": "eu-west-1"}
    keys = AwsCredentials(access_key="a", secret_key="b")
    transport = HttpTransport({"SSL_CERT_FILE": bundle})
    client = AwsClient(transport=transport, credentials=lambda _: keys, environ=environ)
    asked = {"k": [1, 2.5, None, "\\u00e9"]}
    try:
        return client.call("dynamodb", "GetItem", asked, Deadline.after(60))
    except ConnectError as error:
        return "certificate verify failed" in str(error)
    finally:
        transport.close()

ours, other, port, elsewhere = sys.argv[2:]
assert call(ours, port)["Item"] == {"n": 1.5, "s": "\\u00e9"}
assert call(other, port) is True, "an unknown root was trusted"
assert call(ours, elsewhere) is True, "another host's certificate was trusted"
"""


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_a_signed_call_over_tls(
    serve: Serve,
    authority: trustme.CA,
    tls: ssl.SSLContext,
    interpreter: Callable[[str], str],
    tmp_path: Path,
    version: str,
) -> None:
    """JSON, digests, sockets and TLS; whose certificate does not verify is not trusted."""
    python = interpreter(version)
    bundle, other = tmp_path / "roots.pem", tmp_path / "other.pem"
    authority.cert_pem.write_to_path(str(bundle))
    trustme.CA().cert_pem.write_to_path(str(other))

    def answer(peer: Peer) -> None:
        peer.request()
        peer.reply('{"Item": {"n": 1.5, "s": "é"}}'.encode())
        peer.wait()

    wrong = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.test").configure_cert(wrong)
    server, elsewhere = serve(answer, tls), serve(answer, wrong)
    asked = [python, "-I", "-S", "-B", "-c", CODE, str(ROOT), str(bundle), str(other)]
    done = subprocess.run(
        [*asked, str(server.port), str(elsewhere.port)], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    (request,) = server.requests
    assert request[1].decode() == '{"k":[1,2.5,null,"\\u00e9"]}'
    assert elsewhere.requests == []
