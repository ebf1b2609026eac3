"""URLs: the parts that warm calls need, and which proxy the environment names."""

from __future__ import annotations

from urllib.parse import quote as reference_quote
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.errors import SettingsError
from prefixwarm.wire.url import basic_authorization, proxy_for, quote, split

_NAMES = st.from_regex(r"[a-zA-Z0-9][a-zA-Z0-9.-]{0,20}", fullmatch=True)


@given(
    scheme=st.sampled_from(["http", "https", "HTTPS"]),
    host=_NAMES,
    port=st.none() | st.integers(1, 65535),
    path=st.from_regex(r"(/[a-z0-9%:._~-]{0,8}){0,4}(\?[a-z=&]{0,8})?", fullmatch=True),
)
def test_splits_as_the_standard_library_does(
    scheme: str, host: str, port: int | None, path: str
) -> None:
    """Scheme, host, port, path and query agree with `urllib.parse`."""
    path = path if path.startswith("/") else ""
    text = f"{scheme}://{host}{f':{port}' if port else ''}{path}"
    url, reference = split(text), urlsplit(text)
    assert url.scheme == reference.scheme
    assert url.host.lower() == reference.hostname
    assert url.port == (reference.port or {"http": 80, "https": 443}[reference.scheme])
    query = f"?{reference.query}" if "?" in path else ""
    assert url.path == (reference.path or "/") + query


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com",
        "ftp://example.com",
        "https://",
        "https:///path",
        "https://host:port/",
        "https://host:0/",
        "https://host:65536/",
        "https://host:99999999/",
        "https://host:²/",
        "https://[::1]x/",
        "https://[::1:80/",
        "https://a b/",
        "https://host\r\nX: y/",
        "https://host?x=1",
        "https://user@/",
    ],
)
def test_refuses_what_is_not_a_url(text: str) -> None:
    """The message shows what was found and how to write it."""
    with pytest.raises(SettingsError, match="is not a URL; write http"):
        split(text)


@given(st.text())
def test_never_fails_otherwise(text: str) -> None:
    """Any text is split or refused as a setting."""
    try:
        split(text)
    except SettingsError:
        return


def test_keeps_passwords_out_of_messages() -> None:
    """The user information of a bad URL is not repeated."""
    with pytest.raises(SettingsError) as caught:
        split("ftp://user:secret@proxy.test:1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "authority", "address"),
    [
        ("https://host/x", "host", "host:443"),
        ("https://host:443/x", "host", "host:443"),
        ("http://host:443/x", "host:443", "host:443"),
        ("http://[::1]:80/", "[::1]", "[::1]:80"),
        ("http://[::1]:8080/", "[::1]:8080", "[::1]:8080"),
    ],
)
def test_names_the_server(text: str, authority: str, address: str) -> None:
    """The Host header leaves out the scheme's own port and brackets IPv6."""
    assert split(text).authority == authority
    assert split(text).address == address


def test_one_connection_serves_all_paths() -> None:
    """The server of a URL does not depend on its path."""
    assert split("http://h/a").server == split("http://u@h:80/b?c").server
    assert split("http://h/").server != split("https://h:80/").server


@given(st.text(), st.sampled_from(["", "/", ":;"]))
def test_quotes_as_the_standard_library_does(text: str, safe: str) -> None:
    """RFC 3986's unreserved characters stay."""
    text = text.encode("utf-8", "ignore").decode()
    assert quote(text, safe) == reference_quote(text, safe=safe)


@pytest.mark.parametrize(
    ("url", "no_proxy", "proxied"),
    [
        ("https://api.anthropic.com/", "", True),
        ("https://api.anthropic.com/", "*", False),
        ("https://api.anthropic.com/", "anthropic.com", False),
        ("https://api.anthropic.com/", ".anthropic.com", False),
        ("https://API.Anthropic.com/", " x.test , anthropic.COM ", False),
        ("https://notanthropic.com/", "anthropic.com", True),
        ("https://anthropic.com/", ",,", True),
        ("http://localhost:1/", "", False),
        ("http://127.0.0.1:1/", "", False),
        ("http://169.254.170.2/", "", False),
        ("http://169.254.100.1:9001/2021-01-01/credentials", "", False),
    ],
)
@pytest.mark.parametrize("lower", [True, False])
def test_proxies(url: str, no_proxy: str, proxied: bool, lower: bool) -> None:
    """NO_PROXY names hosts and domains; loopback and link-local never go through a proxy."""
    environ = {"HTTPS_PROXY": "proxy.test:3128", "HTTP_PROXY": "http://proxy.test:3128"}
    environ["NO_PROXY"] = no_proxy
    if lower:
        environ = {name.lower(): value for name, value in environ.items()}
    proxy = proxy_for(split(url), environ)
    assert (proxy is not None and proxy.address == "proxy.test:3128") == proxied


def test_each_scheme_has_its_proxy() -> None:
    """HTTPS_PROXY says nothing about http."""
    assert proxy_for(split("http://x.test/"), {"HTTPS_PROXY": "proxy:1"}) is None
    assert proxy_for(split("https://x.test/"), {"HTTP_PROXY": "proxy:1"}) is None


@pytest.mark.parametrize("proxy", ["socks5://proxy:1", "https://proxy:1", "http://"])
def test_refuses_proxies_it_cannot_speak_to(proxy: str) -> None:
    """Only HTTP proxies are spoken."""
    with pytest.raises(SettingsError, match=r"write http|must be given as http"):
        proxy_for(split("https://x.test/"), {"HTTPS_PROXY": proxy})


def test_presents_the_proxys_user() -> None:
    """User information is decoded, then sent as Basic."""
    assert basic_authorization(split("http://proxy:1")) is None
    aladdin = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617's example
    assert basic_authorization(split("http://Aladdin:open%20sesame@proxy:1")) == aladdin
    with pytest.raises(SettingsError, match="not percent-encoded"):
        basic_authorization(split("http://a:%zz@proxy:1"))
