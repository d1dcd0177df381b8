"""The Python in the documentation runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem

import objstore
from objstore.backends import MemoryBackend

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDED = {
    '"gs://': "gcsfs",
    '"az://': "adlfs",
    '"abfs://': "adlfs",
    '"sftp://': "paramiko",
    'client="obstore"': "obstore",
}


def blocks_of(page: str) -> Iterator[str]:
    """The Python of a page, block by block, each at the line where it stands there."""
    text = (DOCS / page).read_text()
    blocks = [*BLOCK.finditer(text)]
    assert len(blocks) == text.count("```python") > 0
    for block in blocks:
        yield "\n" * text.count("\n", 0, block.start(1)) + block[1]


def run(block: str, page: str, namespace: dict[str, object]) -> None:
    exec(compile(block, str(DOCS / page), "exec"), namespace)


def test_the_readme_shows_what_happens(bucket: str, s3_options: dict[str, Any]) -> None:
    (block,) = blocks_of("../README.md")
    place, asked = f"s3://{bucket}/agents", list[objstore.Event]()
    block = block.replace('"s3://bucket/agents"', f'"{place}", storage_options={s3_options!r}, observer=asked.append')
    with pytest.raises(objstore.ConflictError) as caught:
        run(block, "../README.md", {"asked": asked})
    (line,) = (entry.lineno for entry in caught.traceback if str(entry.path).endswith("README.md"))
    assert "ConflictError" in block.splitlines()[line]
    saves = [event for event in asked if isinstance(event, objstore.SaveEvent)]
    assert [event.requests for event in saves[1:]] == [1, 1]
    with objstore.open(place, storage_options=s3_options) as store:
        found = store.load("support-42")
    assert found is not None
    assert len(found.messages) == 3


def test_the_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "tutorial"}
    for block in blocks_of("tutorial.md"):
        run(block, "tutorial.md", namespace)


def test_a_framework_of_ones_own_updates_and_lists_a_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = blocks_of("integrations/index.md")
    block = block.replace("s3://bucket/agents/mine", str(tmp_path))
    for turns in (1, 2):
        run(block, "integrations/index.md", {})
        assert capsys.readouterr().out.startswith("support/42 ")
        with objstore.DocumentStore(tmp_path) as documents:
            (listed,) = documents.summaries()
        assert listed.summary == {"turns": turns}


def test_a_backup_is_made_in_practice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = blocks_of("practice.md")
    run(block, "practice.md", {})


def test_what_is_said_about_testing_runs() -> None:
    namespace: dict[str, object] = {"__name__": "testing", "MyBackend": MemoryBackend.isolated}
    for block in blocks_of("testing.md"):
        run(block, "testing.md", namespace)


def line_of(block: str) -> str:
    return f"line-{len(block) - len(block.lstrip()) + 1}"


@pytest.mark.parametrize("block", [*blocks_of("backends.md")], ids=line_of)
def test_every_way_to_open_a_store_is_accepted(block: str) -> None:
    for scheme, package in NEEDED.items():
        if scheme in block and find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    namespace: dict[str, object] = {"objstore": objstore, "filesystem": DirFileSystem("there", LocalFileSystem())}
    run(block, "backends.md", namespace)
    assert isinstance(namespace["store"], objstore.SessionStore)
