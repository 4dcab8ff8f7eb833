"""Public names: every module lists them, sorted, and each explains itself."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "wan_r1"
FILES = sorted(PACKAGE.rglob("*.py"))


def listed_names(tree):
    """Value of `__all__`, or None."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return ast.literal_eval(node.value)
    return None


def defined_names(tree):
    """Public functions and classes of a module -> their nodes."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name: node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")}


def all_top_level_names(tree):
    """Every name that a module binds at its top level, also under `if TYPE_CHECKING`."""
    names = set()
    for node in ast.walk(ast.Module(body=tree.body, type_ignores=[])):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
    return names


def sort_key(name):
    """Ruff's order: CONSTANTS, then Classes, then the rest."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_module_lists_its_public_names_sorted_and_each_has_a_docstring(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    listed, defined = listed_names(tree), defined_names(tree)
    if listed is None:
        assert defined == {}, "a module with public names needs __all__"
        return
    assert listed == sorted(listed, key=sort_key)
    assert set(defined) <= set(listed), "a public name is missing from __all__, or should begin with _"
    assert set(listed) <= all_top_level_names(tree)
    assert [name for name, node in defined.items() if ast.get_docstring(node) is None] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_public_methods_have_docstrings(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    silent = [
        f"{owner.name}.{node.name}"
        for owner in defined_names(tree).values()
        if isinstance(owner, ast.ClassDef)
        for node in owner.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and ast.get_docstring(node) is None
    ]
    assert silent == []
