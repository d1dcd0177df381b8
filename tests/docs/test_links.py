"""What the documentation refers to exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import objstore
from objstore import errors, models

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])
CODE = re.compile(r"^```.*?^```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
TEST = re.compile(r"((?:tests|objstore/testing)/[\w/]+\.py)(?:::(\w+))?(?:::(\w+))?")
SHORT = re.compile(r"(?<![\w/])(?:(\w+\.py)::)?(?:\w+::)?(test_\w+)\b(?!\.py)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def text_of(page: Path) -> str:
    """A page, with what it takes from other files in place of the reference."""
    return re.sub(r'^--8<-- "(.+)"$', lambda found: (ROOT / found[1]).read_text(), page.read_text(), flags=re.MULTILINE)


def anchors(page: Path) -> set[str]:
    titles = (
        re.sub(r"[`*]|\]\([^)]*\)|\[", "", title) for title in HEADING.findall(CODE.sub(_keep_inline, text_of(page)))
    )
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


def _keep_inline(code: re.Match[str]) -> str:
    return "" if code[0].startswith("```") else code[0]


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


def defined(path: str) -> set[tuple[str, ...]]:
    """The tests and classes of a file, tests in a class both with it and without."""
    if not (ROOT / path).is_file():
        return set()
    found: set[tuple[str, ...]] = {()}
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.add((node.name,))
        if isinstance(node, ast.ClassDef):
            inside = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
            found |= {(node.name,), *((name,) for name in inside), *((node.name, name) for name in inside)}
    return found


def absent(text: str) -> list[str]:
    """Give those of the tests that a text mentions that do not exist."""
    mentions = [(path, tuple(filter(None, names))) for path, *names in TEST.findall(text)]
    return ["::".join((path, *names)) for path, names in mentions if names not in defined(path)]


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_tests_that_are_mentioned_exist(page: Path) -> None:
    assert absent(page.read_text()) == []


@cache
def files_of_tests() -> dict[str, set[str]]:
    """Name the files in which there is a test of some name."""
    found: dict[str, set[str]] = {}
    for path in (*ROOT.glob("tests/**/*.py"), *ROOT.glob("objstore/testing/*.py")):
        for *_, name in filter(None, defined(str(path.relative_to(ROOT)))):
            found.setdefault(name, set()).add(path.name)
    return found


def nowhere(text: str) -> list[str]:
    """Give those of the tests that a text mentions by less than their path that are in no such file."""
    words = CODE.sub(_keep_inline, text)  # a block may show a test of one's own
    mentions = [(file, name, files_of_tests().get(name, set())) for file, name in SHORT.findall(words)]
    return [f"{file}::{name}" for file, name, files in mentions if not files or (file and file not in files)]


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_tests_that_are_mentioned_by_less_than_their_path_exist(page: Path) -> None:
    assert nowhere(page.read_text()) == []


def test_one_that_is_nowhere_is_found() -> None:
    here = "test_one_that_is_nowhere_is_found"
    there = f"`test_links.py::{here}`, `test_links.py`, `{here}`, `tests/docs/test_links.py`"
    assert nowhere(f"{there}\n```python\ndef test_of_ones_own():\n```\n") == []
    wrong = f"`test_that_is_none`, `test_disk.py::{here}`, `test_disk.py::TestRemoved::{here}`"
    assert nowhere(wrong) == ["::test_that_is_none", f"test_disk.py::{here}", f"test_disk.py::{here}"]


def test_one_that_does_not_exist_is_found() -> None:
    here = "tests/docs/test_links.py"
    there = f"`{here}`, `{here}::test_one_that_does_not_exist_is_found`, `tests/bad_input/test_disk.py::TestRemoved`"
    assert absent(there) == []
    # a call inside a test, a test of another class, of another file, and a file that is none
    wrong = [f"{here}::here", "tests/bad_input/test_disk.py::TestRemoved::fill", f"{here}::test_fuzz", "tests/no.py::a"]
    assert absent(" ".join(wrong)) == wrong


def test_every_promise_names_the_test_that_proves_it() -> None:
    table = (ROOT / "docs" / "guarantees.md").read_text().partition("\n\n## ")[0]
    promises = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(promises) > 25
    for promise in promises:
        assert any(names for _, *rest in TEST.findall(promise) for names in rest if names), promise


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_to_a_page_and_a_heading(page: Path) -> None:
    broken = []
    base = ROOT if page == ROOT / "docs" / "index.md" else page.parent
    for link in LINK.findall(CODE.sub("", text_of(page))):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (base / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_mentions_are_found() -> None:
    mentioned = TEST.findall((ROOT / "docs" / "guarantees.md").read_text())
    assert len(mentioned) > 20
    assert all(name for _, name, _ in mentioned)


def test_every_public_name_is_in_the_reference() -> None:
    reference = (ROOT / "docs" / "api.md").read_text()
    whole_modules = {*vars(errors), *models.__all__}  # these are listed as modules
    public = set(objstore.__all__) - whole_modules
    assert {name for name in public if not re.search(rf"\b{name}\b", reference)} == set()
    assert "::: objstore.errors\n" in reference
    assert "::: objstore.models\n" in reference


def test_every_room_is_in_the_table_of_rooms() -> None:
    page = (ROOT / "docs" / "development.md").read_text()
    rooms = page.partition("## Which room is for what")[2].partition("\nA protocol is")[0]
    package = ROOT / "objstore"
    found = [*package.glob("[!_]*"), *package.glob("_[!_]*")]
    there = {f"{path.name}/" if path.is_dir() else path.name for path in found}
    first_column = "".join(re.findall(r"^\| (.*?) \|", rooms, re.MULTILINE))
    assert set(re.findall(r"`([\w.]+/?)`", first_column)) - {"objstore/"} == there - {"py.typed"}
