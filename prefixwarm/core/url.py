"""The little of URLs that warm calls need; `urllib.parse` costs the init phase 5 ms."""

from __future__ import annotations

from prefixwarm.core.errors import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Url", "proxy_for", "quote", "split"]

_PORTS = {"http": 80, "https": 443}
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class Url(tuple[str, str, int, str]):
    """Scheme, host, port, and path with its query."""

    __slots__ = ()

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return self[0]

    @property
    def host(self) -> str:
        """Host name or address, without brackets."""
        return self[1]

    @property
    def port(self) -> int:
        """Port, the scheme's own when none is named."""
        return self[2]

    @property
    def path(self) -> str:
        """Path and query; ``/`` when empty."""
        return self[3]

    @property
    def server(self) -> Url:
        """The same without path: what a connection belongs to."""
        return Url((self.scheme, self.host, self.port, ""))

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def split(text: str) -> Url:
    """Split an absolute http or https URL.

    Raises
    ------
    SettingsError
        When it is not one.
    """
    scheme, found, rest = text.partition("://")
    authority, slash, path = rest.partition("/")
    host, port = _host_and_port(authority)
    known = _PORTS.get(scheme.lower())
    if not found or known is None or not host or port == 0:
        raise SettingsError(f"{text!r} is not a URL; write http://HOST[:PORT] or https://HOST")
    return Url((scheme.lower(), host, port or known, slash + path or "/"))


def _host_and_port(authority: str) -> tuple[str, int | None]:
    authority = authority.rpartition("@")[2]
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        port = port.lstrip(":")
    else:
        host, _, port = authority.partition(":")
    if not port:
        return host, None
    return host, int(port) if port.isdigit() and int(port) < 65536 else 0


def proxy_for(url: Url, environ: Mapping[str, str]) -> Url | None:
    """The proxy that the environment names for `url`, or None."""
    name = f"{url.scheme}_proxy"
    proxy = environ.get(name) or environ.get(name.upper())
    if not proxy or _excluded(url.host, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    return split(proxy if "://" in proxy else f"http://{proxy}")


def _excluded(host: str, no_proxy: str) -> bool:
    if host in ("localhost", "::1") or host.startswith("127."):
        return True
    names = [name.strip().lstrip(".").lower() for name in no_proxy.split(",")]
    host = host.lower()
    return any(name == "*" or host == name or host.endswith(f".{name}") for name in names if name)


def quote(text: str, safe: str = "") -> str:
    """Percent-encode as RFC 3986 says; `safe` characters stay."""
    kept = _UNRESERVED | set(safe.encode())
    return "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in text.encode())
