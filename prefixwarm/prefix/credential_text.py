"""Finds credentials in a prefix file's request, ignoring placeholders used in documentation."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


KEY = re.compile(r"\bsk-ant-[A-Za-z0-9_-]{8,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b")
_FIELDS = frozenset({"authorization_token", "authorization", "api_key", "x-api-key"})
_SCHEMES = ("bearer ", "basic ", "token ")
# "YOUR_KEY", "<token>", "${API_KEY}", "{{ key }}", "%KEY%", "xxxx", "***", "...".
_WORDS = re.compile(
    r"(?<![a-z])(?:your|example|sample|placeholder|dummy|fake|redacted|changeme|replace|insert|todo)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_WRAPPED = re.compile(r"<[^<>]*>|\$?\{.*\}|\$[A-Z_][A-Z0-9_]*|%[A-Za-z0-9_]+%|\[[^\[\]]*\]")
_HINT = "for a placeholder, name it with --placeholder"


def problems(
    value: object, place: str, placeholders: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Yield each place that holds a credential, with what to do.

    Parameters
    ----------
    value : object
        A request, or a part of one.
    place : str
        Its path.
    placeholders : collection of str
        Texts that the user has declared not to be credentials.
    """
    if isinstance(value, dict):
        for name, inner in value.items():
            is_field = name.lower() in _FIELDS and isinstance(inner, str)
            if is_field and inner and not is_placeholder(inner, placeholders):
                yield (
                    f"{place}.{name}",
                    f"holds a credential, which a prefix file must not ({_HINT})",
                )
            yield from problems(inner, f"{place}.{name}", placeholders)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from problems(inner, f"{place}[{i}]", placeholders)
    elif isinstance(value, str):
        keys = (match.group() for match in KEY.finditer(value))
        if not all(_is_published(key) or key in placeholders for key in keys):
            yield (
                place,
                f"holds text shaped like an API key; remove it from the prompt ({_HINT})",
            )


def is_placeholder(text: str, placeholders: Collection[str] = ()) -> bool:
    """Whether the value of a credential field is a placeholder rather than a credential."""
    scheme = next((start for start in _SCHEMES if text.lower().startswith(start)), "")
    value = text[len(scheme) :].strip()
    if {text, value} & set(placeholders) or _repeats(value):
        return True
    if KEY.fullmatch(value):
        return _is_published(value)
    return bool(_WORDS.search(value.replace("_", " ")) or _WRAPPED.fullmatch(value))


def _is_published(key: str) -> bool:
    """Whether a key-shaped text is a published example, such as AKIAIOSFODNN7EXAMPLE."""
    if key.startswith(("AKIA", "ASIA")):
        return key.endswith("EXAMPLE") or _repeats(key[4:])
    rest = key.removeprefix("sk-ant-")
    rest = re.sub(r"^(?:api|admin|oat|ort)\d\d-", "", rest)
    return _repeats(rest) or bool(_WORDS.search(rest.replace("_", " ")))


def _repeats(text: str) -> bool:
    """Whether it repeats one or two characters, as in ``xxxx-xxxx``."""
    return len(text) > 2 and len(set(text.lower())) <= 2
