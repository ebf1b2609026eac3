"""Minimal URL parsing for the init phase, where `urllib.parse` would cost 5 ms."""

from __future__ import annotations

from binascii import b2a_base64

from prefixwarm.errors import SettingsError
from prefixwarm.safe_text import quoted
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


_PORTS = {"http": 80, "https": 443}
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Url(Record):
    """An absolute URL.

    Attributes
    ----------
    scheme : str
        ``http`` or ``https``.
    host : str
        Host name or address, without brackets.
    port : int
        The scheme's default if the URL names none.
    path : str
        Path and query; ``/`` when empty.
    user : str
        ``USER:PASSWORD`` as written; empty if absent.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str

    @property
    def server(self) -> str:
        """Scheme, host and port; connections are kept by it."""
        return f"{self.scheme}://{self.address}"

    @property
    def address(self) -> str:
        """Host and port, for CONNECT and error messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        return self.address.removesuffix(f":{_PORTS[self.scheme]}")


def split(text: str) -> Url:
    """Split an absolute http or https URL.

    Raises
    ------
    SettingsError
        It is not one; the message leaves out user information.
    """
    scheme, separator, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    user, _, place = authority.rpartition("@")
    host, port = _host_and_port(place)
    default_port = _PORTS.get(scheme.lower())
    if not separator or default_port is None or port == 0 or not _is_host(host):
        raise SettingsError(
            f"{quoted(text)} is not a URL; write http://HOST[:PORT] or https://HOST"
        )
    return Url(
        scheme=scheme.lower(),
        host=host,
        port=port or default_port,
        path=slash + path or "/",
        user=user,
    )


def _host_and_port(place: str) -> tuple[str, int | None]:
    if place.startswith("["):
        host, closing, port = place[1:].partition("]")
        if not closing or (port and not port.startswith(":")):
            return host, 0
        port = port[1:]
    else:
        host, _, port = place.partition(":")
    if not port:
        return host, None
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
    return host, number if number < 65536 else 0


def _is_host(host: str) -> bool:
    return bool(host) and host.isprintable() and not any(c in " ?#[]\\" for c in host)


def proxy_for(url: Url, environ: Mapping[str, str]) -> Url | None:
    """Return the proxy that the environment sets for `url`, or None.

    Raises
    ------
    SettingsError
        The variable does not name an HTTP proxy.
    """
    name = f"{url.scheme}_proxy"
    named = environ.get(name) or environ.get(name.upper())
    if not named or _excluded(url.host, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    proxy = split(named if "://" in named else f"http://{named}")
    if proxy.scheme != "http":
        raise SettingsError(f"{name.upper()}: the proxy must be given as http://HOST:PORT")
    return proxy


def _excluded(host: str, no_proxy: str) -> bool:
    # Link-local addresses serve credentials: a proxy cannot reach them and must not see them.
    if host in ("localhost", "::1") or host.startswith(("127.", "169.254.")):
        return True
    names = [name.strip().lstrip(".").lower() for name in no_proxy.split(",")]
    host = host.lower()
    return any(name == "*" or host == name or host.endswith(f".{name}") for name in names if name)


def basic_authorization(url: Url) -> str | None:
    """Return the Basic authorization header value for a URL's user information, or None.

    Raises
    ------
    SettingsError
        A percent sign is not followed by two hexadecimal digits.
    """
    if not url.user:
        return None
    first, *others = url.user.split("%")
    try:
        decoded = [bytes.fromhex(part[:2]) + part[2:].encode() for part in others]
    except ValueError as error:
        raise SettingsError(f"{url.host}: the user information is not percent-encoded") from error
    return "Basic " + b2a_base64(first.encode() + b"".join(decoded), newline=False).decode()


def quote(text: str, safe: str = "") -> str:
    """Percent-encode text as in RFC 3986, keeping `safe` characters."""
    kept = _UNRESERVED | set(safe.encode())
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode())
