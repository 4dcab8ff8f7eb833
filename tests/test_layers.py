"""Who may import whom, how long a function and a file may be, and what characters a file may hold."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "wan_r1"
FILES = sorted(PACKAGE.rglob("*.py"))
MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400

WORLD = {"types", "errors", "files", "video", "tasks", "trackers", "metrics", "rewards"}
MODEL = {"flow", "policies"}
BRIDGE = WORLD | MODEL | {"rollout", "runs", "clock", "distributed"}
ALLOWED = {
    "errors": set(),
    "files": set(),
    "clock": set(),
    "distributed": {"errors"},
    "types": {"errors"},
    "config": {"errors"},
    "video": {"types", "errors", "files"},
    "runs": {"types", "errors", "files", "video"},
    "tasks": {"types", "errors", "files", "video"},
    "trackers": {"types", "errors", "video"},
    "metrics": {"types", "errors"},
    "rewards": WORLD,
    "flow": {"errors"},
    "policies": {"flow", "types", "errors", "video"},
    "rollout": WORLD | MODEL | {"clock", "distributed"},
    "training": BRIDGE,
    "evaluation": BRIDGE,
    "reports": {"types", "errors", "video", "runs"},
    "__init__": WORLD,
}
"""Part -> the parts that it may import besides itself; cli and __main__ may import anything."""
UNBOUND = {"cli", "__main__"}


def part_of(file: Path) -> str:
    first = file.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_parts(tree: ast.Module) -> set[tuple[str, int]]:
    """(part, line) of every import of our own package."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "wan_r1":
            found |= {(alias.name, node.lineno) for alias in node.names if alias.name != "__version__"}
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("wan_r1."):
            found.add((node.module.split(".")[1], node.lineno))
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
            found |= {(name[1], node.lineno) for name in names if name[0] == "wan_r1" and len(name) > 1}
    return found


def parse(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def test_every_part_of_the_package_stands_in_the_table():
    parts = {part_of(file) for file in FILES}
    assert parts <= set(ALLOWED) | UNBOUND


@pytest.mark.parametrize("part", sorted(ALLOWED))
def test_a_part_imports_only_what_the_table_allows(part):
    wrong = [
        f"{file.relative_to(PACKAGE)}:{line} imports {other}"
        for file in FILES
        if part_of(file) == part
        for other, line in imported_parts(parse(file))
        if other != part and other not in ALLOWED[part]
    ]
    assert wrong == []


def test_one_family_never_imports_another():
    folders = {path.parent.name for path in (PACKAGE / "tasks").glob("*/__init__.py")}
    families = folders - {"vr_bench", "target_bench"}  # formats, which read the states of many families
    wrong = []
    for file in (file for family in families for file in (PACKAGE / "tasks" / family).glob("*.py")):
        for node in ast.walk(parse(file)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("wan_r1.tasks."):
                other = node.module.split(".")[2]
                if other in families and other != file.parent.name:
                    wrong.append(f"{file.relative_to(PACKAGE)}:{node.lineno} imports {other}")
    assert wrong == []


def test_imports_are_absolute():
    wrong = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in FILES
        for node in ast.walk(parse(file))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert wrong == []


def test_no_function_is_longer_than_a_screen():
    wrong = [
        f"{file.relative_to(PACKAGE)}:{node.lineno} {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for file in FILES
        for node in ast.walk(parse(file))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert wrong == []


def test_no_file_is_too_long():
    lengths = {str(file.relative_to(PACKAGE)): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_files_are_ascii():
    wrong = [str(file.relative_to(PACKAGE)) for file in FILES if not file.read_bytes().isascii()]
    assert wrong == []


def test_no_file_is_a_drawer_for_leftovers():
    drawers = {"utils.py", "helpers.py", "common.py", "base.py", "misc.py"}
    assert [str(file.relative_to(PACKAGE)) for file in FILES if file.name in drawers] == []


def test_no_bare_except():
    wrong = [
        f"{file.relative_to(PACKAGE)}:{node.lineno}"
        for file in FILES
        for node in ast.walk(parse(file))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert wrong == []
