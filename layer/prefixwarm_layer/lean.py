"""Sources without what running them does not need.

That is docstrings, comments and types, and whatever nothing in the layer names. Each byte of it
would be fetched and read at a cold start.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["lean", "only_used"]


def lean(source: bytes) -> str:
    """The same program in fewer words.

    Names of annotated class attributes stay, because records take their fields from them.
    """
    return ast.unparse(ast.fix_missing_locations(_Lean().visit(ast.parse(source)))) + "\n"


def only_used(sources: Mapping[str, str], programs: Iterable[str]) -> dict[str, str]:
    """The sources without functions and classes whose names occur nowhere else.

    Parameters
    ----------
    sources
        Lean sources, by name.
    programs
        Sources that use them.
    """
    trees = {name: ast.parse(text) for name, text in sources.items()}
    outside = {name for text in programs for name in _names(ast.parse(text))}
    found = True
    while found:
        unused = _Unused(outside.union(*map(_names, trees.values())))
        for tree in trees.values():
            unused.visit(tree)
        found = unused.found
    return {name: ast.unparse(tree) + "\n" for name, tree in trees.items()}


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


class _Unused(ast.NodeTransformer):
    """Takes out definitions that are not among the used names; `found` tells whether any was."""

    def __init__(self, used: set[str]) -> None:
        self._used = used
        self.found = False

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        return self._kept(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST | None:
        return self._kept(node)

    def _kept(self, node: ast.FunctionDef | ast.ClassDef) -> ast.AST | None:
        if node.name not in self._used and not node.name.startswith("__"):
            self.found = True
            return None
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node


class _Lean(ast.NodeTransformer):
    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        for each in node.body:
            if isinstance(each, ast.AnnAssign):
                each.annotation = ast.Constant(0)
        return self._without_docstring(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._without_docstring(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        if isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if isinstance(node.annotation, ast.Constant):
            return node
        if node.value is None:
            return None
        return ast.Assign(targets=[node.target], value=node.value)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse
        return node

    def _without_docstring(self, node: ast.Module | ast.ClassDef | ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        if ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        if not node.body and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]
        return node
