"""Put an artifact of some size, read, verify, fork and copy it; print what memory that took, in bytes."""

from __future__ import annotations

import hashlib
import io
import json
import resource
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


def peak() -> int:
    """Give the most memory that this process ever had, in bytes."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def main() -> None:
    source, options, target, size = json.loads(sys.argv[1])
    with objstore.open(source, storage_options=options) as store:
        small = store.put_artifact("s", b"small", tool_name="t")  # what a first use loads is none of the artifact's
        with store.open_artifact("s", small.uri) as stream:
            stream.read()
        before = peak()
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
    print(json.dumps({"before": before, "peak": peak()}))


main()
