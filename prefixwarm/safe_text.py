"""Makes external text safe for terminals, log lines, pages and messages.

Standard library only, because the init phase loads it.
"""

from __future__ import annotations

# Anthropic and Bedrock API keys, AWS access key ids, JSON web tokens.
_KEY_STARTS = ("sk-", "ABSK", "bedrock-api-key-", "AKIA", "ASIA", "eyJ")
_SHORTEST_KEY = 8
_SHORTEST_RANDOM = 24
_AWS_KEY = 40
_HEX = frozenset("0123456789abcdef")
_MASK = "***"
_BETWEEN_WORDS = "\"',;:{}[]()<>|&@?#"
_QUOTED = 200


def printable(text: str, limit: int = 4000) -> str:
    r"""Return `text` as one line of visible characters.

    Control characters, line breaks, bidirectional marks and lone surrogates are escaped, for
    instance as ``\x1b``.

    Parameters
    ----------
    text : str
        From the provider, the table, a file or a user.
    limit : int
        Maximum length in characters; longer text is cut and ends with ``…``.
    """
    shown = text[:limit]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else _escaped(c) for c in shown)
    return shown if len(shown) <= limit and len(text) <= limit else f"{shown[: limit - 1]}…"


def looks_like_key(text: str) -> bool:
    """Whether `text` looks like a key or token rather than a name."""
    if text.startswith(_KEY_STARTS):
        return len(text) >= _SHORTEST_KEY
    return _is_random(text)


def masked(text: str) -> str:
    """Return `text` with ``***`` in place of passwords and of words that look like keys."""
    pieces, segment = [], ""
    for character in _without_password(text) + " ":
        if character.isspace() or character in _BETWEEN_WORDS:
            pieces += [_masked_segment(segment), character]
            segment = ""
        else:
            segment += character
    return "".join(pieces)[:-1]


def quoted(text: str) -> str:
    """Quote a setting's value for a message: masked, printable and shortened."""
    return printable(repr(masked(text)), _QUOTED)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _masked_segment(segment: str) -> str:
    if looks_like_key(segment):
        return _MASK
    for separator in "/=":
        segment = separator.join(
            _MASK if looks_like_key(part) else part for part in segment.split(separator)
        )
    return segment


def _without_password(text: str) -> str:
    """Hide text before an ``@``, or after a colon unless it is HOST:PORT."""
    scheme, separator, rest = text.partition("://") if "://" in text else ("", "", text)
    credentials, at, host = rest.rpartition("@")
    if at and credentials:
        return f"{scheme}{separator}{_MASK}@{host}"
    user, colon, password = rest.partition(":")
    port = password.partition("/")[0]
    is_port = port.isdigit() and len(port) < 6
    if not colon or is_port or not user or text.startswith(("arn:", "[", "{")):
        return text
    if not password.strip() or password[0].isspace():
        return text
    return f"{scheme}{separator}{user}:{_MASK}"


def _is_random(text: str) -> bool:
    """Whether character kinds alternate as often as in random text, and more than in a name."""
    if len(text) < _SHORTEST_RANDOM or text.startswith("/"):
        return False
    if _HEX.issuperset(text):
        return False  # an id or a digest; keys do not look like this
    kinds = [_kind(character) for character in text]
    changes = sum(kinds[i - 1] != kinds[i] for i in range(1, len(kinds)))
    if None in kinds:
        return False
    # An AWS secret access key has this length; few names this long mix all kinds.
    is_aws_key = len(text) == _AWS_KEY and {"upper", "lower", "digit"} <= set(kinds)
    return is_aws_key or 2 * changes >= len(text)


def _kind(character: str) -> str | None:
    """The kind of a Base64 character; None for any other."""
    if not character.isascii():
        return None
    if character.isdigit():
        return "digit"
    if character.isalpha():
        return "upper" if character.isupper() else "lower"
    return "sign" if character in "+/=" else None
