"""The order of the house: imports run memory <- tuning <- app <- app.py, and what a reader relies on is there."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("memory", "tuning", "app")
ALLOWED = {
    "memory": {"memory"},
    "tuning": {"memory", "tuning"},
    "pocket": {"memory", "tuning", "pocket"},
    "app": {"memory", "tuning", "app"},
    "benchmarks": {"memory", "tuning", "pocket", "app", "benchmarks"},  # they measure every room and nothing imports them
}


def imported_rooms(path: Path) -> set[str]:
    """Packages of ours that a file imports, at its top or inside a function."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
    return {name.split(".")[0] for name in names} & (set(ALLOWED) | {"tests"})


def test_imports_run_one_way():
    for room, allowed in ALLOWED.items():
        for path in (ROOT / room).rglob("*.py"):
            assert imported_rooms(path) <= allowed, f"{path.relative_to(ROOT)} imports {imported_rooms(path) - allowed}"
    assert imported_rooms(ROOT / "app.py") <= {"app"}


def test_memory_starts_without_torch():
    code = "import memory.__main__, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_tuning_answers_help_without_torch():
    code = "import tuning.__main__ as m, sys; m.build_parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_every_module_says_what_it_is_for():
    for room in ALLOWED:
        for path in (ROOT / room).rglob("*.py"):
            assert ast.get_docstring(ast.parse(path.read_text())), f"{path.relative_to(ROOT)} has no docstring"


def test_the_readme_names_every_room_and_command():
    readme = (ROOT / "README.md").read_text()
    for word in (*ALLOWED, "app.py", "make run", "make test", "python -m tuning demo", "python -m memory import"):
        assert word in readme
