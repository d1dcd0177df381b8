"""What the seed would not read is an error that names the file, for every part, and never half a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from objstore import IntegrityError, SessionStore

from .samples import PARTS, fill, key, load, session, text

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "blank": lambda data: b" \n",
    "truncated": lambda data: data[:-1],
    "cut in half": lambda data: data[: len(data) // 2],
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "utf-16": lambda data: data.decode().encode("utf-16"),
    "zeros behind": lambda data: data + b"\0\0",
    "garbage behind": lambda data: data + b"x",
    "two documents": lambda data: data + data,
    "not utf-8": lambda data: data.replace(b'"', b'"\xff', 1),
    "not json": lambda data: b"not json {{{",
    "null": lambda data: b"null",
    "a number": lambda data: b"1",
    "another shape": lambda data: b"[{}]" if data[:1] == b"[" else b"{}",
    "object for list": lambda data: b"{}" if data[:1] == b"[" else b"[]",
    "control character": lambda data: data.replace(b'"', b'"\x01', 1),
}

MUTATIONS = [
    ("session", b'"state": "Active"', b'"state": "active"'),
    ("session", b'"created_at": 1700000000', b'"created_at": 1.0'),
    ("session", b'"created_at": 1700000000', b'"created_at": 9223372036854775808'),
    ("session", b'"total_cost": 0.25', b'"total_cost": NaN'),
    ("session", b'"id": "s",', b'"id": "s", "id": "s",'),
    ("session", b'"id": "s",', b""),
    ("session", b'"text": "hi"', b'"text": "\\ud800"'),
    ("runs", b'"event_count": 0', b'"event_count": -1'),
    ("artifacts", b'"original_bytes": 16', b'"original_bytes": "16"'),
    ("traces", b'"exit_code": -1', b'"exit_code": 2147483648'),
    ("verification", b'"status": "needs_review"', b'"status": "NeedsReview"'),
]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_an_error_that_names_it(local: SessionStore, directory: Path, part: str, damage: str) -> None:
    fill(directory, "s")
    path = directory / key(part, "s")
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    refuses(local, part)


@pytest.mark.parametrize(("part", "old", "new"), MUTATIONS)
def test_a_value_that_the_seed_refuses_is_an_error(
    local: SessionStore, directory: Path, part: str, old: bytes, new: bytes
) -> None:
    fill(directory, "s")
    path = directory / key(part, "s")
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    refuses(local, part)


def refuses(store: SessionStore, part: str) -> None:
    """Try everything that reads a damaged part, and what does not."""

    def load_part(id: str) -> object:
        return load(store, part, id)

    for call in (load_part, store.load_bundle):
        with pytest.raises(IntegrityError) as caught:
            call("s")
        assert caught.value.key == key(part, "s")
    (summary,) = store.iter_summaries()
    assert key(part, "s") in str(summary.problem)
    assert [(finding.key, finding.problem) for finding in store.verify().findings] == [(key(part, "s"), "damaged")]
    for other in PARTS:
        if other != part:
            assert load(store, other, "s") is not None
    assert store.list() == ["s"]
    assert store.exists("s")


@pytest.mark.parametrize("change", [b"\r\n", b"  ", b"\t"])
def test_white_space_is_no_damage(local: SessionStore, directory: Path, change: bytes) -> None:
    (directory / "s.json").write_bytes(text("session", "s").replace(b"\n", change) + change)
    assert local.load("s") == session("s")


def test_a_damaged_session_can_be_written_over_and_deleted(local: SessionStore, directory: Path) -> None:
    (directory / "s.json").write_bytes(b"")
    local.save(session("s"))
    assert local.load("s") == session("s")
    (directory / "s.json").write_bytes(b"{")
    local.delete("s")
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("id", ["a/b", "a_b"])
def test_a_damaged_file_that_may_be_of_another_session_is_left_alone(
    local: SessionStore, directory: Path, id: str
) -> None:
    fill(directory, "a/b")
    damaged = text("session", "a/b")[:-1]
    (directory / "a_b.json").write_bytes(damaged)
    for call in (local.load, local.load_trace_events, lambda name: local.save(session(name)), local.delete):
        with pytest.raises(IntegrityError) as caught:
            call(id)
        assert caught.value.key == "a_b.json"
    assert local.list() == ["a_b"]
    assert (directory / "a_b.json").read_bytes() == damaged
    assert (directory / "traces" / "a_b.json").exists()


def test_a_listing_survives_files_whose_ids_cannot_be_read(local: SessionStore, directory: Path) -> None:
    fill(directory, "good_one")
    unreadable = [b"", b"[]", b'{"id": 1}', b"\xff", b"[" * 100_000, b'{"id": ""}']
    for name, data in zip("abcdef", unreadable, strict=True):
        (directory / f"{name}_.json").write_bytes(data)
    assert local.list() == ["a_", "b_", "c_", "d_", "e_", "f_", "good_one"]
    assert {finding.key for finding in local.verify().findings} == {f"{name}_.json" for name in "abcdef"}


def test_unknown_fields_blocks_and_events_are_kept(local: SessionStore, directory: Path) -> None:
    fill(directory, "s")
    changes = [
        ("session", b'"type": "text",\n          "text": "hi"', b'"type": "thinking",\n          "thought": 1'),
        ("session", b'"parent_id": "p"\n}', b'"parent_id": "p",\n  "later": {\n    "b": 1,\n    "a": 2\n  }\n}'),
        ("traces", b'"tool_execution"', b'"sub_agent"'),
    ]
    for part, old, new in changes:
        path = directory / key(part, "s")
        data = path.read_bytes()
        assert data.count(old) == 1
        path.write_bytes(data.replace(old, new))
    before = {part: (directory / key(part, "s")).read_bytes() for part in PARTS}
    bundle = local.load_bundle("s")
    assert bundle is not None
    assert bundle.session is not None
    local.delete("s")
    local.commit(
        bundle.session,
        artifacts=bundle.artifacts,
        trace_events=bundle.trace_events,
        run_records=bundle.run_records,
        verification_reports=bundle.verification_reports,
    )
    assert {part: (directory / key(part, "s")).read_bytes() for part in PARTS} == before
