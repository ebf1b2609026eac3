"""Sources without what running them does not need.

That is docstrings, comments and types, and whatever nothing in the layer names. Each byte of it
would be fetched and read at a cold start. What is left stands as it was written, because sources
that `ast.unparse` writes on a new Python cannot be read by older ones.
"""

from __future__ import annotations

import ast
import io
import tokenize
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    # From, to, and what stands there instead; in bytes.
    Cut = tuple[int, int, str]
    Definition = ast.FunctionDef | ast.ClassDef


_NOTHING = "pass"
_SPACE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def lean(source: str) -> str:
    """The same program in fewer words.

    Names of annotated class attributes stay, because records take their fields from them.
    """
    text = _Text(source)
    tree = ast.parse(source)
    classes = {
        id(each) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for each in node.body
    }
    cuts = [cut for node in ast.walk(tree) for cut in _cuts(text, node, id(node) in classes)]
    return _without_comments(text.cut(cuts))


def only_used(sources: Mapping[str, str], programs: Iterable[str]) -> dict[str, str]:
    """The sources without functions and classes whose names occur nowhere else.

    Parameters
    ----------
    sources
        Lean sources, by name.
    programs
        Sources that use them.
    """
    outside = {name for text in programs for name in _names(ast.parse(text))}
    left, before = dict(sources), None
    while left != before:
        before = left
        used = outside.union(*(_names(ast.parse(text)) for text in left.values()))
        left = {name: _without_unused(text, used) for name, text in left.items()}
    return left


class _Text:
    """A source, and where its syntax tree's nodes stand in it."""

    def __init__(self, source: str) -> None:
        self.data = source.encode()
        lines = self.data.splitlines(keepends=True)
        self._lines = [0, *accumulate(map(len, lines))]

    def start(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        return self._lines[node.lineno - 1] + node.col_offset

    def end(self, node: ast.expr | ast.stmt | ast.arg) -> int:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.end_lineno - 1] + node.end_col_offset

    def whole(self, node: ast.stmt, instead: str = _NOTHING) -> Cut:
        return self.start(node), self.end(node), instead

    def cut(self, cuts: Iterable[Cut]) -> str:
        """The text after these cuts; one within another is lost with it."""
        parts, at = [], 0
        for start, end, instead in sorted(cuts, key=lambda cut: (cut[0], -cut[1])):
            if start >= at:
                parts += [self.data[at:start], instead.encode()]
                at = end
        return b"".join([*parts, self.data[at:]]).decode()


def _cuts(text: _Text, node: ast.AST, in_class: bool) -> Iterator[Cut]:
    """What goes at this node."""
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
        alone = len(node.body) == 1 and not isinstance(node, ast.Module)
        yield text.whole(node.body[0], _NOTHING if alone else "")
    if isinstance(node, ast.FunctionDef) and node.returns:
        arrow = text.data.rindex(b"->", 0, text.start(node.returns))
        yield arrow, text.end(node.returns), ""
    elif isinstance(node, ast.arg) and node.annotation:
        yield text.start(node) + len(node.arg.encode()), text.end(node.annotation), ""
    elif isinstance(node, ast.AnnAssign):
        yield _assignment(text, node, in_class)
    elif isinstance(node, ast.If) and _is_name(node.test, "TYPE_CHECKING"):
        last = node.body[-1]
        end = text.end(last) if node.orelse else text.end(node)
        yield (text.start(node.body[0]) if node.orelse else text.start(node)), end, _NOTHING
    elif isinstance(node, ast.Assign) and _is_name(node.targets[0], "__all__"):
        yield text.whole(node)


def _assignment(text: _Text, node: ast.AnnAssign, in_class: bool) -> Cut:
    if in_class:
        return text.start(node.annotation), text.end(node.annotation), "0"
    if node.value is None:
        return text.whole(node)
    return text.end(node.target), text.end(node.annotation), ""


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _without_comments(source: str) -> str:
    """Nor lines on which nothing else stands."""
    lines = source.splitlines()
    filled: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        (row, column), (last, _) = token.start, token.end
        if token.type == tokenize.COMMENT:
            lines[row - 1] = lines[row - 1][:column].rstrip()
        if token.type not in _SPACE:
            filled |= set(range(row, last + 1))
    return "".join(f"{line}\n" for row, line in enumerate(lines, 1) if row in filled)


def _names(tree: ast.AST) -> Iterator[str]:
    """Every name that is used: also as an attribute, in an import, or as a text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _without_unused(source: str, used: set[str]) -> str:
    text = _Text(source)
    cuts = [
        (_first(text, node), text.end(node), _NOTHING)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
        and node.name not in used
        and not node.name.startswith("__")
    ]
    return text.cut(cuts)


def _first(text: _Text, node: Definition) -> int:
    """Where a definition begins, decorators included."""
    if node.decorator_list:
        return text.data.rindex(b"@", 0, text.start(node.decorator_list[0]))
    return text.start(node)
