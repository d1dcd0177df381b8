"""What a store remembers stays within its number of bytes."""

from __future__ import annotations

from objstore import ArtifactStore, SessionData, ToolArtifact
from objstore._engine.handle import Handle
from objstore._format.canonical import JSON
from objstore._format.refs import Ref
from objstore.testing import memory_store


def refs_in(value: JSON) -> list[Ref]:
    if isinstance(value, Ref):
        return [value]
    children = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return [ref for child in children for ref in refs_in(child)]


def test_contents_that_were_loaded_are_not_kept_with_the_remembered_state() -> None:
    store = memory_store()
    artifacts = ArtifactStore()
    content = "a line of output\n" * 10_000
    artifacts.put(
        ToolArtifact(
            artifact_id="a",
            artifact_uri="a3s://a",
            tool_name="bash",
            content=content,
            original_bytes=len(content),
            shown_bytes=1,
        )
    )
    store.commit(SessionData.new("s"), artifacts=artifacts)
    found = store.load_artifacts("s")
    assert found == artifacts
    layout = store._opened._layout
    assert isinstance(layout, Handle)
    remembered = layout._memory.get("s")
    assert remembered is not None
    (ref,) = refs_in(remembered.state)
    assert ref.value is None
    assert found is not None
    before = store.history("s")
    store.save_artifacts("s", found)  # and yet what is saved again is known to be there
    assert store.history("s") == before
