"""The integrations stand on what objstore and the frameworks publish, and nothing of objstore needs a framework."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import objstore.integrations

MODULES = sorted(Path(objstore.integrations.__path__[0]).rglob("*.py"))


def private(source: str) -> Iterator[str]:
    """Name what a module imports, or takes from something that is not its own, though its name says not to."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found = [name.name for name in names]
            case ast.ImportFrom(level=1):  # a module of the integrations themselves
                found = []
            case ast.ImportFrom(module=module, names=names):
                found = [f"{module or ''}.{name.name}" for name in names]
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                found = []
            case ast.Attribute(attr=attr):
                found = [attr]
            case _:
                found = []
        yield from (name for name in found if any(is_private(part) for part in name.split(".")))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_nothing_private_is_used(module: Path) -> None:
    assert list(private(module.read_text())) == []


@pytest.mark.parametrize(
    "source", ["from objstore._log import load", "from .._json import JSON", "import a._b", "store._opened", "a.b._c()"]
)
def test_private_names_are_found(source: str) -> None:
    assert list(private(source))


@pytest.mark.parametrize(
    "source", ["from __future__ import annotations", "self._store.load", "objstore.open", "a.__b__"]
)
def test_what_is_public_or_ones_own_is_no_private_name(source: str) -> None:
    assert list(private(source)) == []


@pytest.mark.parametrize(
    ("module", "framework", "extra"),
    [
        ("claude_agent_sdk", "claude_agent_sdk", "claude"),
        ("langgraph", "langgraph", "langgraph"),
        ("openai_agents", "agents", "openai-agents"),
        ("pydantic_ai", "pydantic_ai", "pydantic-ai"),
        ("strands", "strands", "strands"),
    ],
)
def test_a_module_without_its_framework_says_what_to_install(module: str, framework: str, extra: str) -> None:
    code = f"import sys; sys.modules[{framework!r}] = None; import objstore.integrations.{module}"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"pip install 'objstore[{extra}]'" in shown.stderr


def test_objstore_imports_no_framework() -> None:
    code = "import sys, objstore.cli; print([m for m in sys.modules if m.startswith('objstore.integrations')])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
