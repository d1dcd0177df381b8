"""Put an artifact of some size, read, verify, fork and copy it."""

from __future__ import annotations

import hashlib
import io
import json
import sys

import objstore


class Endless(io.RawIOBase):
    """A stream that makes its bytes as it is read, so that they are nowhere in memory."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._piece = hashlib.shake_256(b"endless").digest(2**20)

    def read(self, size: int = -1, /) -> bytes:
        piece = self._piece[: min(size, self._left)]
        self._left -= len(piece)
        return piece


def main() -> None:
    source, options, single_writer, target, size = json.loads(sys.argv[1])
    with objstore.open(source, storage_options=options, single_writer=single_writer) as store:
        info = store.put_artifact("s", Endless(size), uri="u", tool_name="t")
        assert info.size == size
        with store.open_artifact("s", "u") as stream:
            while stream.read(2**20):
                pass
            assert stream.verified
        artifacts = store.load_artifacts("s")
        assert artifacts is not None
        store.save_artifacts("s", artifacts)
        store.fork("s", "fork")
        assert store.artifact("fork", "u") == info
        assert store.verify().ok
        assert objstore.copy(store, target, ids=["s"]).ok


main()
