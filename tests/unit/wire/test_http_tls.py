"""TLS and proxies: whom the transport trusts, and how it gets out."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trustme

from prefixwarm.errors import ConnectError, ProtocolError, SettingsError
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import HttpTransport, Request
from tests.helpers.waiting import runs_out

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.loopback import Answer, Peer, Serve


def get(url: str) -> Request:
    """A request without a body."""
    return Request(method="GET", url=url)


def keeping(peer: Peer) -> None:
    """A server that answers for as long as it is asked."""
    while True:
        peer.request()
        peer.reply(b"safe")


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> str:
    """The authority's root as one file."""
    path = tmp_path / "roots.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def hashed(bundle: str, tmp_path: Path) -> str:
    """The authority's root in a hashed folder."""
    folder = tmp_path / "hashed"
    folder.mkdir()
    asked = ["openssl", "x509", "-hash", "-noout", "-in", bundle]
    name = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    (folder / f"{name}.0").symlink_to(bundle)
    return str(folder)


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_trusts_the_bundle_that_the_environment_names(
    serve: Serve, tls: ssl.SSLContext, bundle: str, soon: Deadline, variable: str
) -> None:
    """A company's own root is honoured, and the connection kept."""
    server = serve(keeping, tls)
    transport = HttpTransport({variable: bundle})
    for _ in range(3):
        assert transport.send(get(server.url), soon).body == b"safe"
    assert server.connections == 1
    transport.close()


def test_trusts_a_hashed_folder(
    serve: Serve, tls: ssl.SSLContext, hashed: str, soon: Deadline
) -> None:
    """The folder that ships with the layer, or that SSL_CERT_DIR names."""
    server = serve(keeping, tls)
    for transport in (HttpTransport({}, hashed), HttpTransport({"SSL_CERT_DIR": hashed})):
        assert transport.send(get(server.url), soon).body == b"safe"
        transport.close()


def test_the_environment_overrides_the_shipped_roots(
    serve: Serve, tls: ssl.SSLContext, hashed: str, bundle: str, soon: Deadline, tmp_path: Path
) -> None:
    """A bundle named by the user is used even beside roots that know nothing of it."""
    empty = tmp_path / "empty"
    empty.mkdir()
    transport = HttpTransport({"AWS_CA_BUNDLE": bundle}, str(empty))
    assert transport.send(get(serve(keeping, tls).url), soon).body == b"safe"
    transport.close()


def test_trusts_nobody_else(
    serve: Serve, tls: ssl.SSLContext, soon: Deadline, tmp_path: Path
) -> None:
    """An unknown root: nothing is sent."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    server = serve(keeping, tls)
    for environ in ({}, {"SSL_CERT_FILE": str(other)}):
        with pytest.raises(ConnectError, match="certificate verify failed"):
            HttpTransport(environ).send(get(server.url), soon)
    assert server.requests == []


def test_asks_the_system_about_roots_that_were_not_shipped(
    serve: Serve,
    tls: ssl.SSLContext,
    bundle: str,
    soon: Deadline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The system's store (which OpenSSL finds by SSL_CERT_FILE) knows more than the layer."""
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    monkeypatch.setattr("prefixwarm.wire.sockets._contexts", {})
    transport = HttpTransport({}, str(tmp_path))
    assert transport.send(get(serve(keeping, tls).url), soon).body == b"safe"
    transport.close()


def test_asks_the_system_about_nothing_when_roots_are_named(
    serve: Serve,
    tls: ssl.SSLContext,
    bundle: str,
    soon: Deadline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who names roots wants those alone."""
    monkeypatch.setenv("SSL_CERT_FILE", bundle)
    monkeypatch.setattr("prefixwarm.wire.sockets._contexts", {})
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    transport = HttpTransport({"AWS_CA_BUNDLE": str(other)}, str(tmp_path))
    with pytest.raises(ConnectError, match="certificate verify failed"):
        transport.send(get(serve(keeping, tls).url), soon)


@pytest.mark.parametrize(
    ("names", "until"),
    [
        (["elsewhere.test"], None),
        (["127.0.0.2", "*.127.0.0.1"], None),
        (["127.0.0.1"], datetime(2020, 1, 1, tzinfo=timezone.utc)),
    ],
)
def test_refuses_a_certificate_that_does_not_fit(
    serve: Serve,
    authority: trustme.CA,
    bundle: str,
    soon: Deadline,
    names: list[str],
    until: datetime | None,
) -> None:
    """Another host's name, another address, or a certificate that has expired."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    since = datetime(2019, 1, 1, tzinfo=timezone.utc) if until else None
    issued = authority.issue_cert(*names, not_before=since, not_after=until)
    issued.configure_cert(context)
    server = serve(keeping, context)
    with pytest.raises(ConnectError, match="certificate verify failed"):
        HttpTransport({"SSL_CERT_FILE": bundle}).send(get(server.url), soon)
    assert server.requests == []


def test_refuses_old_tls(serve: Serve, authority: trustme.CA, bundle: str, soon: Deadline) -> None:
    """Nothing below TLS 1.2."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ConnectError):
        HttpTransport({"SSL_CERT_FILE": bundle}).send(get(serve(keeping, context).url), soon)


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x16\x03"])
def test_a_server_without_tls_is_no_server(
    serve: Serve, soon: Deadline, bundle: str, reply: bytes
) -> None:
    """A handshake that fails, or is cut short: nothing was sent."""
    server = serve(lambda peer: (peer.connection.recv(65536), peer.say(reply)))
    url = server.url.replace("http:", "https:")
    with pytest.raises(ConnectError):
        HttpTransport({"SSL_CERT_FILE": bundle}).send(get(url), soon)


def test_a_bundle_that_is_missing(
    serve: Serve, tls: ssl.SSLContext, soon: Deadline, tmp_path: Path
) -> None:
    """A path to nowhere is a connection that fails, not a crash."""
    with pytest.raises(ConnectError, match="No such file"):
        HttpTransport({"SSL_CERT_FILE": str(tmp_path / "none.pem")}).send(
            get(serve(keeping, tls).url), soon
        )


def test_the_handshake_is_bounded(serve: Serve, bundle: str) -> None:
    """Accept, then hang before TLS."""
    url = serve(lambda peer: peer.wait()).url.replace("http:", "https:")
    with pytest.raises(ConnectError, match="in time"):
        HttpTransport({"SSL_CERT_FILE": bundle}).send(get(url), Deadline.after(0.2))


def test_a_reply_over_tls_is_bounded(serve: Serve, tls: ssl.SSLContext, bundle: str) -> None:
    """Accept and handshake, then hang."""
    server = serve(lambda peer: (peer.request(), peer.wait()), tls)
    transport = HttpTransport({"SSL_CERT_FILE": bundle})
    runs_out(partial(transport.send, get(server.url)), 1)


def test_a_large_request_over_tls(
    serve: Serve, tls: ssl.SSLContext, bundle: str, soon: Deadline
) -> None:
    """A prefix of the largest size arrives whole."""
    server = serve(lambda peer: (peer.request(), peer.reply(b"got it")), tls)
    body = bytes(range(256)) * 24576
    request = Request(method="POST", url=server.url, body=body)
    transport = HttpTransport({"SSL_CERT_FILE": bundle})
    assert transport.send(request, soon).body == b"got it"
    transport.close()
    assert server.requests[0][1] == body


def test_a_cut_reply_over_tls(
    serve: Serve, tls: ssl.SSLContext, bundle: str, soon: Deadline
) -> None:
    """The connection ends in the middle of the body."""

    def answer(peer: Peer) -> None:
        peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")

    with pytest.raises(ProtocolError):
        HttpTransport({"SSL_CERT_FILE": bundle}).send(get(serve(answer, tls).url), soon)


def proxying(port: int, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> Answer:
    """A proxy that leads wherever it is asked to the same port here."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def serve_one(peer: Peer) -> None:
        peer.server.requests.append((peer.head(), b""))
        peer.say(answer)
        with socket.create_connection(("127.0.0.1", port)) as target:
            back = threading.Thread(target=pump, args=(target, peer.connection), daemon=True)
            back.start()
            pump(peer.connection, target)
            back.join(10)

    return serve_one


def test_goes_through_a_proxy(
    serve: Serve, tls: ssl.SSLContext, bundle: str, soon: Deadline
) -> None:
    """CONNECT, then TLS with the target itself, whose name the proxy resolves."""
    server = serve(keeping, tls)
    proxy = serve(proxying(server.port))
    environ = {"SSL_CERT_FILE": bundle, "HTTPS_PROXY": proxy.url.replace("//", "//me:a%40b@")}
    transport = HttpTransport(environ)
    for _ in range(2):
        assert transport.send(get("https://example.test/x"), soon).body == b"safe"
    transport.close()
    assert [head.split("\r\n") for head, _ in proxy.requests] == [
        [
            "CONNECT example.test:443 HTTP/1.1",
            "Host: example.test:443",
            "Proxy-Authorization: Basic bWU6YUBi",
        ]
    ]
    head = server.requests[0][0]
    assert head.startswith("GET /x HTTP/1.1\r\nHost: example.test\r\n")
    assert "Proxy" not in head


def test_goes_round_the_proxy(
    serve: Serve, tls: ssl.SSLContext, bundle: str, soon: Deadline
) -> None:
    """Loopback is never proxied."""
    server, proxy = serve(keeping, tls), serve(keeping)
    environ = {"SSL_CERT_FILE": bundle, "HTTPS_PROXY": proxy.url}
    transport = HttpTransport(environ)
    assert transport.send(get(server.url), soon).body == b"safe"
    transport.close()
    assert proxy.connections == 0


def test_names_the_whole_url_to_a_plain_proxy(serve: Serve, soon: Deadline) -> None:
    """Without TLS the proxy gets the request itself, and the target never sees the user."""
    proxy = serve(keeping)
    transport = HttpTransport({"HTTP_PROXY": proxy.url.replace("//", "//me:pw@")})
    assert transport.send(get("http://example.test:81/x?y"), soon).body == b"safe"
    transport.close()
    lines = proxy.requests[0][0].split("\r\n")
    assert lines[:2] == ["GET http://example.test:81/x?y HTTP/1.1", "Host: example.test:81"]
    assert "Proxy-Authorization: Basic bWU6cHc=" in lines


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\n\r\n",
        b"garbage\r\n",
        b"",
    ],
)
def test_a_proxy_that_refuses(serve: Serve, soon: Deadline, answer: bytes) -> None:
    """No tunnel: nothing was sent."""
    proxy = serve(lambda peer: (peer.head(), peer.say(answer)))
    with pytest.raises(ConnectError, match=f"127.0.0.1:{proxy.port}: "):
        HttpTransport({"HTTPS_PROXY": proxy.url}).send(get("https://example.test/"), soon)


def test_a_proxy_that_hangs(serve: Serve) -> None:
    """The tunnel is part of connecting, and bounded with it."""
    proxy = serve(lambda peer: peer.wait())
    with pytest.raises(ConnectError, match="in time"):
        HttpTransport({"HTTPS_PROXY": proxy.url}).send(
            get("https://example.test/"), Deadline.after(0.2)
        )


def test_a_proxy_that_is_not_one(soon: Deadline) -> None:
    """A scheme that we do not speak is the user's to mend."""
    with pytest.raises(SettingsError, match="HTTPS_PROXY"):
        HttpTransport({"HTTPS_PROXY": "https://p.test"}).send(get("https://x.test/"), soon)
