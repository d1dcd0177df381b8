"""How the stores in this directory were made: python -m tests.golden.make, with the version that first wrote a format.

A store that is here is never made again: it is read by all later versions. A new format gets a directory of its own.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import objstore
from objstore import ArtifactStore, Message, SessionData, ToolArtifact

HERE = Path(__file__).parent
BIG = "é" * 200_000  # more than 256 KiB of UTF-8
FRAME = b"\x28\xb5\x2f\xfd is how a zstd frame begins, and this is none"
LONG_ID = "long/" + "x" * 300


def digest(value: object) -> str:
    """Give a digest of any value of JSON with bytes in it; the order of keys counts."""
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, default=_raw).encode()).hexdigest()


def _raw(value: object) -> dict[str, str]:
    assert isinstance(value, bytes)
    return {"bytes": value.hex()}


def make_sessions(place: Path) -> None:
    """Write a store of sessions: turns with siblings, a fork, a restored one, a pruned one, deleted ones."""
    store = objstore.open(place)
    session = SessionData.new("support/42 é", name="Support", workspace="/srv")
    artifacts, runs = ArtifactStore(), objstore.InMemoryRunStore()
    for turn in range(20):
        session.messages.append(Message.user(f"turn {turn} " + "t" * 200))
        artifacts.put(_artifact(turn % 5, f"output {turn} " * 1000))
        trace = objstore.TraceEvent.tool_execution(
            "bash", success=True, exit_code=0, duration_ms=turn, output_bytes=10_000
        )
        store.commit(session, artifacts=artifacts, key=f"turn-{turn}")
        store.append(session.id, trace_events=[trace])
    run = runs.create_run(session.id, "go")
    runs.record_event(run.id, objstore.AgentStartEvent(prompt="go"))
    store.append(session.id, run_records=runs.records())
    store.append(session.id, run_events={run.id: [objstore.TurnStartEvent(turn=1)]})
    check = objstore.VerificationCheck.required("c", "test", "it works")
    store.save_verification_reports(session.id, [objstore.VerificationReport.new("subject", [check])])

    store.fork(session.id, "fork", at=10)
    store.restore("fork", 1)
    store.append("fork", messages=[Message.assistant("after the fork")])

    long = SessionData.new(LONG_ID)
    long.messages.extend(Message.user(f"{n} " + "m" * 2_000) for n in range(600))
    store.save(long)
    long.messages[300] = Message.user("changed")
    store.save(long)

    for turn in range(40):
        store.save(SessionData.new("pruned", name=f"turn {turn}"))
    floor = store.prune("pruned", keep_last=3).floor
    store.append("pruned", messages=[Message.user("after the prune")])
    for path in (place / "sessions/pruned/log/000000").iterdir():
        if int(path.name) < floor:
            path.unlink()  # what the next prune does a day later

    store.save(SessionData.new("deleted"))
    store.delete("deleted")
    store.save(SessionData.new("purged", name="before"))
    store.delete("purged", purge=True)
    store.save(SessionData.new("purged", name="after"))


def _artifact(number: int, content: str) -> ToolArtifact:
    return ToolArtifact(
        artifact_id=f"tool-output:bash:{number}",
        artifact_uri=f"a3s://tool-output/bash/{number}",
        tool_name="bash",
        content=content,
        original_bytes=len(content),
        shown_bytes=10,
    )


def make_documents(place: Path) -> None:
    """Write a store of documents: every kind of value and patch, leaves in leaves, odd ids."""
    store = objstore.DocumentStore(place)
    look = {"=": "0" * 64, "=list": "x", "==": {"=bytes": 1}, "set": [], "add": {}, "at": 0}
    items: list[Any] = [{"n": n, "text": "x" * n} for n in range(30)]
    numbers = [0, -1, 2**70, 0.1, -0.0, 1e300, True, None, "\u2028\x7f🚀"]
    store.save("values", {"numbers": numbers, "big": BIG, "raw": [FRAME, b""], "=look": look, "items": items})
    store.save("values", {"items": [items[-1], *items[:10], {"new": [look]}, *items[12:]]})
    store.save(
        "values", {"items": [{**items[5], "text": "changed", "more": look}, *items[6:20]], "=look": {**look, "at": 1}}
    )
    store.save("values", {"=look": {"set": [BIG], "==": {"=bytes": 2, "kept": 1}}, "numbers": None})
    store.append("values", {"items": [BIG, FRAME]})

    runs: list[Any] = [{"run": n, "events": [{"e": e, "text": "z" * 3000} for e in range(200)]} for n in range(2)]
    store.save("leaves", {"runs": runs + [{"run": n, "events": [{"text": "y" * 3000}]} for n in range(2, 250)]})
    for n in range(33):
        store.append("leaves", {"runs": [{"run": 250 + n, "events": []}]})

    for id in ("a/b", "a_b", "A_B", ".", "con", "new\nline", "=2f", "会话", "x" * 181, "é" * 512):
        store.save(id, {"id": id})


def expected(place: Path) -> dict[str, Any]:
    """Describe all that can be read of a store."""
    store = objstore.DocumentStore(place)
    found: dict[str, Any] = {}
    for id in store.list():
        history = store.history(id)
        states = {}
        for commit in history:
            document = store.load(id, at=commit.seq)
            states[commit.seq] = document and digest(document.parts)
        found[id] = {"history": [[c.seq, c.kind, c.digest] for c in history], "states": states}
    return found


def main() -> None:
    """Make the stores of the newest format, and describe them."""
    directory = HERE / "format-1"
    directory.mkdir()
    make_sessions(directory / "sessions")
    make_documents(directory / "documents")
    description = {name: expected(directory / name) for name in ("sessions", "documents")}
    (directory / "expected.json").write_text(json.dumps(description, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
