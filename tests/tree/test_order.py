"""In which order files are written and removed, and what a crash in between leaves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import pytest

from objstore._format.patching import Patch, append
from objstore._log.ops import Delete, Get, Protocol, Put
from objstore._seed.five_parts import PARTS
from objstore._seed.tree import Tree

from .samples import document, key, text

T = TypeVar("T")


class CrashError(Exception):
    """The process ends here."""


class Disk:
    """Files in a dict, and what was written or removed, each one a step after which the process may end."""

    def __init__(self, files: dict[str, bytes], *, steps: int = 1000) -> None:
        self.files = dict(files)
        self.written: list[str] = []
        self._steps = steps

    def run(self, protocol: Protocol[T]) -> T:
        """Run a protocol."""
        try:
            asked = next(protocol)
            while True:
                answer = [*map(self._perform, asked)] if isinstance(asked, tuple) else self._perform(asked)
                asked = protocol.send(answer)
        except StopIteration as stop:
            value: T = stop.value
            return value

    def _perform(self, op: Any) -> bytes | None:
        if isinstance(op, Get):
            return self.files.get(op.key)
        if isinstance(op, Put):
            self._step(op.key)
            self.files[op.key] = op.data
        elif isinstance(op, Delete):
            for gone in op.keys:
                self._step(gone)
                self.files.pop(gone, None)
        else:
            raise AssertionError(f"a tree does not ask for {op!r} here")
        return None

    def _step(self, key: str) -> None:
        if len(self.written) == self._steps:
            raise CrashError
        self.written.append(key)


def files(*parts: str) -> dict[str, bytes]:
    return {key(part, "s"): text(part, "s") for part in parts}


def documents() -> dict[str, Any]:
    return {part: document(part, "s") for part in PARTS}


def test_the_session_is_written_after_its_siblings() -> None:
    disk = Disk({})
    _, wrote = disk.run(Tree().save("s", documents(), None, None))
    assert wrote
    assert disk.written[-1] == "s.json"
    assert disk.files == files(*PARTS)


@pytest.mark.parametrize("steps", range(5))
def test_a_first_save_that_crashes_shows_no_session(steps: int) -> None:
    disk = Disk({}, steps=steps)
    with pytest.raises(CrashError):
        disk.run(Tree().save("s", documents(), None, None))
    assert not disk.run(Tree().exists("s"))


def test_the_session_is_deleted_before_its_siblings() -> None:
    disk = Disk({**files(*PARTS), "t.json": b"other"})
    disk.run(Tree().delete("s", None, purge=False))
    assert disk.written[0] == "s.json"
    assert disk.files == {"t.json": b"other"}


@pytest.mark.parametrize("steps", range(1, 5))
def test_a_delete_that_crashes_leaves_no_session_and_can_be_repeated(steps: int) -> None:
    disk = Disk(files(*PARTS), steps=steps)
    with pytest.raises(CrashError):
        disk.run(Tree().delete("s", None, purge=False))
    assert not disk.run(Tree().exists("s"))
    again = Disk(disk.files)
    again.run(Tree().delete("s", None, purge=False))
    assert again.files == {}


def test_a_session_that_did_not_change_is_not_written_again() -> None:
    disk = Disk(files(*PARTS))
    session = json.loads(text("session", "s"))
    _, wrote = disk.run(Tree().save("s", {"session": session}, None, None))
    assert not wrote
    assert disk.written == []
    _, wrote = disk.run(Tree().save("s", {"session": session, "traces": []}, None, None))
    assert wrote
    assert disk.written == ["traces/s.json"]


def test_an_append_writes_only_what_it_appends_to() -> None:
    added: Any = document("traces", "s")

    def patches(state: Mapping[str, Any]) -> dict[str, Patch]:
        return {"traces": append(len(state["traces"]), added)}

    disk = Disk(files(*PARTS))
    disk.run(Tree().derive("s", patches, None, None))
    assert disk.written == ["traces/s.json"]
    assert json.loads(disk.files["traces/s.json"]) == added * 2
