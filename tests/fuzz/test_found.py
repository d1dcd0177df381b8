"""What fuzzing found, one by one."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest

import objstore
from objstore import FormatError, SessionData
from objstore._format import zstd as zstd
from objstore.backends import MemoryBackend
from objstore.testing.samples import artifacts, trace
from tests.fuzz.samples import sealed
from tests.places import plain

KEY = "sessions/s/log/000000/0000000002"


def store_with(change: Callable[[Any], object]) -> objstore.SessionStore:
    """Make a store of two commits, the newest of which is changed and sealed again."""
    backend = MemoryBackend.isolated()
    store = objstore.open(backend)
    store.commit(SessionData.new("s"), artifacts=artifacts("a"))
    store.append("s", trace_events=[trace("t")], artifacts=artifacts("b"))
    data = backend.get(KEY)
    assert data is not None
    record = json.loads(plain(data))
    change(record)
    backend.put(KEY, sealed(record))
    return objstore.open(backend)


@pytest.mark.parametrize("body", [{"cut": [7]}, {"cut": 7}, {"sub": 7}, {"put": [None]}, 7])
def test_a_body_that_is_no_patch_is_told_of_by_loading_and_passed_over_by_the_history(body: Any) -> None:
    store = store_with(lambda record: record.update(body=body))
    newest, _ = store.history("s")
    assert (newest.seq, newest.parts) == (2, ())
    with pytest.raises(FormatError):
        store.load("s")


def test_a_size_that_nothing_has_is_a_format_error() -> None:
    def change(record: Any) -> None:
        for entry in record["objects"].values():
            entry[1] = 10**30

    with pytest.raises(FormatError, match="lacks what a commit"):
        store_with(change).load_artifacts("s")


def test_a_frame_that_declares_more_than_its_bytes_can_hold_is_refused_before_room_is_made() -> None:
    for size in (2**40, 2**53, 2**63 - 1):
        frame = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", size) + b"\x01\x00\x00"
        with pytest.raises(ValueError, match="cannot hold"):
            zstd.inflate(frame, limit=2**63 - 1)
    repeated = zstd.compress(b"x" * 50_000_000)  # as dense as a frame can be
    assert zstd.inflate(repeated, limit=50_000_000) == b"x" * 50_000_000


def test_a_session_that_is_no_object_can_be_forked_and_is_still_none() -> None:
    store = store_with(lambda record: record.update(body={"put": {"session": [1]}}))
    store.fork("s", "branch")
    with pytest.raises(FormatError):
        store.load("branch")


def test_a_summary_takes_any_number() -> None:
    store = store_with(lambda record: record["summary"].update(cost=10**400, created_at=10**400))
    (summary,) = store.summaries(["s"])
    assert summary.cost == 0.0


def test_an_artifact_whose_uri_is_no_text_does_not_stop_a_verification() -> None:
    item = {"artifact_uri": {"odd": 1}}
    store = store_with(lambda record: record.update(body={"put": {"artifacts": {"artifacts": [item]}}}))
    assert store.verify().commits == 2
    with pytest.raises(FormatError):
        store.load_artifacts("s")
