"""Sessions and files for the tests of trees."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from objstore import ArtifactStore, SessionData, SessionStore, ToolArtifact
from objstore._seed.tree_rules import safe_id
from tests.models.samples import ARTIFACT, CORPUS, REPORT, SESSION, TRACE, run

PARTS = ("session", "artifacts", "traces", "runs", "verification")

DOCUMENTS: Mapping[str, Any] = {
    "artifacts": {"artifacts": [ARTIFACT]},
    "traces": [TRACE],
    "runs": [run()],
    "verification": [REPORT],
}


def key(part: str, id: str) -> str:
    """Say where the seed keeps a part, written down anew from its description."""
    name = safe_id(id)
    if part == "session":
        return f"{name}.json"
    return f"artifacts/{name}/artifacts.json" if part == "artifacts" else f"{part}/{name}.json"


def document(part: str, id: str) -> Any:
    """Make a part of a session as a JSON document."""
    return {**SESSION, "id": id} if part == "session" else DOCUMENTS[part]


def text(part: str, id: str) -> bytes:
    """Make the bytes that the seed writes for a part."""
    return json.dumps(document(part, id), indent=2, ensure_ascii=False).encode()


def fill(directory: Path, id: str, *parts: str) -> None:
    """Write files of a session as the seed does."""
    for part in parts or PARTS:
        path = directory / key(part, id)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text(part, id))


def session(id: str) -> SessionData:
    """Make the session that `text` is of."""
    return SessionData.model_validate(document("session", id))


def load(store: SessionStore, part: str, id: str) -> object:
    """Load a part by the call of its own."""
    calls = {
        "session": store.load,
        "artifacts": store.load_artifacts,
        "traces": store.load_trace_events,
        "runs": store.load_run_records,
        "verification": store.load_verification_reports,
    }
    return calls[part](id)


def artifacts(count: int, size: int = 1) -> ArtifactStore:
    """Make artifacts of a size each."""
    store = ArtifactStore()
    for number in range(count):
        store.put(ToolArtifact.model_validate({**ARTIFACT, "artifact_uri": f"a{number}", "content": "x" * size}))
    return store


def corpus_files() -> dict[str, bytes]:
    """Read the files of the real program."""
    return {path.relative_to(CORPUS).as_posix(): path.read_bytes() for path in CORPUS.rglob("*.json")}
