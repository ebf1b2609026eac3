"""NumPy docstrings as Markdown, and signatures as users call them."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_UNDERLINE = re.compile(r"-{3,}")
_TABLES = ("Parameters", "Attributes", "Returns", "Raises", "Yields")
# A page that a docstring names, as seen from the checkout.
_PAGE = re.compile(r"docs/([\w-]+)\.md")


def document(value: Any, *, typed: bool = False, folder: str = "") -> str:
    """The docstring of a class or function.

    Parameters
    ----------
    value
        What is described.
    typed
        Whether parameters without a type show the one of the signature.
    folder
        Where links to other pages start from, such as ``../``.
    """
    types = annotations(value) if typed else {}
    parts = [
        _table(title, lines, types) if title in _TABLES else _prose(title, lines)
        for title, lines in _sections(inspect.getdoc(value) or "")
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    return _PAGE.sub(rf"[\1]({folder}\1.md)", text) if folder else text


def one_line(text: str) -> str:
    """A paragraph in one line, with code as Markdown marks it."""
    return " ".join(text.replace("``", "`").split())


def call(value: Any) -> str:
    """The parameters with their defaults; their types stand in the docstring."""
    if inspect.isclass(value) and not any("__init__" in vars(one) for one in written(value)):
        return ""
    signature = inspect.signature(_function(value))
    own = [p for name, p in signature.parameters.items() if name not in ("self", "cls")]
    bare = [p.replace(annotation=p.empty, default=_default(p, _function(value))) for p in own]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def written(value: type) -> list[type]:
    """A class, and before it the bases that hold what several public classes have in common."""
    return [*(base for base in value.__mro__[:0:-1] if base.__name__.endswith("Base")), value]


def annotations(value: Any) -> dict[str, str]:
    """The types of the parameters, as they are written."""
    signature = inspect.signature(_function(value))
    return {name: str(p.annotation) for name, p in signature.parameters.items()}


def _function(value: Any) -> Any:
    return value.__init__ if inspect.isclass(value) else value


def _default(parameter: inspect.Parameter, function: Any) -> Any:
    """A default that reads the same wherever the page is made."""
    value = parameter.default
    if inspect.isroutine(value):
        return _Name(value.__name__)
    if value is parameter.empty or (repr(value)[0] != "<" and " object at " not in repr(value)):
        return value
    return _Name(_written_defaults(function)[parameter.name])


class _Name:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


def _written_defaults(function: Any) -> dict[str, str]:
    """Defaults as the source has them, without the module that they are of."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef)
    named = zip(tree.args.kwonlyargs, tree.args.kw_defaults, strict=True)
    return {
        argument.arg: ".".join(ast.unparse(default).split(".")[-2:])
        for argument, default in named
        if default is not None
    }


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """The titles of a docstring's sections, the first one without, and their lines."""
    title, held = "", list[str]()
    for line in text.splitlines():
        if _UNDERLINE.fullmatch(line) and held:
            following = held.pop()
            yield title, held
            title, held = following, []
        else:
            held.append(line)
    yield title, held


def _table(title: str, lines: list[str], types: Mapping[str, str]) -> str:
    """A list of names with their types and meanings."""
    entries: list[tuple[str, list[str]]] = []
    for line in lines:
        if line and not line.startswith(" "):
            entries.append((line, []))
        elif entries:
            entries[-1][1].append(line.strip())
    rows = [f"- {_named(head, types)}: {one_line(' '.join(body))}" for head, body in entries]
    return "\n".join((f"**{title}**\n", *rows))


def _named(head: str, types: Mapping[str, str]) -> str:
    names, colon, kind = head.partition(" : ")
    if colon:
        return f"`{names}` ({kind})"
    return f"`{names}` (`{types[names]}`)" if names in types else f"`{names}`"


def _prose(title: str, lines: list[str]) -> str:
    text = "\n".join(lines).strip()
    if title == "Examples":
        return f"```pycon\n{text}\n```"
    joined = "\n\n".join(one_line(block) for block in text.split("\n\n"))
    return f"**{title}**\n\n{joined}" if title else joined
