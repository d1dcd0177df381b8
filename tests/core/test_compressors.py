"""Compressors that are kept write what new ones write, and never serve two threads at once."""

from __future__ import annotations

import random
import threading
import tracemalloc
from typing import Any

import pytest
import zstandard

from objstore._format import zstd
from objstore.testing.racing import at_once

TEXTS = [random.Random(size).randbytes(size // 2).hex().encode() for size in (0, 2, 2_000, 400_000, 30, 3_000_000, 900)]


def test_they_write_the_same_frames_whatever_they_wrote_before() -> None:
    kept = zstd.Compressors()
    for _ in range(2):
        assert [kept.compress(text) for text in TEXTS] == [zstd.compress(text) for text in TEXTS]


class Watched:
    """A compressor that meets another thread in the middle of its work, and finds out if that is in it."""

    made = 0

    def __init__(self, meet: threading.Barrier, **options: Any) -> None:
        type(self).made += 1
        self._inner = zstandard.ZstdCompressor(**options)
        self._meet, self._busy = meet, threading.Lock()

    def compress(self, data: bytes) -> bytes:
        assert self._busy.acquire(blocking=False), "two threads are in one compressor"
        try:
            self._meet.wait(60)
            return self._inner.compress(data)
        finally:
            self._busy.release()


def test_none_serves_two_threads_at_once_and_the_next_calls_take_what_is_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = threading.Barrier(2)
    monkeypatch.setattr(zstd, "_compressor", lambda: Watched(pairs, level=1))
    kept = zstd.Compressors()
    for _ in range(3):
        assert [zstd.inflate(frame, limit=99) for frame in at_once(2, lambda n: kept.compress(b"text %d" % n))] == [
            b"text 0",
            b"text 1",
        ]
    assert Watched.made == 2


def test_a_frame_that_declares_more_than_its_bytes_can_hold_gets_no_room() -> None:
    frame = zstd.compress(b" " * 2**26)
    short = frame[: len(frame) // 4]  # it still declares all of that, which the limit allows
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cannot hold"):
            zstd.inflate(short, limit=2**26)
        assert tracemalloc.get_traced_memory()[1] < 2**20
        assert zstd.inflate(frame, limit=2**26) == b" " * 2**26
    finally:
        tracemalloc.stop()
