"""What the tree layout can hold, by the rules of the seed that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from ..models import (
    ArtifactStore,
    Message,
    RunRecord,
    SessionData,
    ToolResultBlock,
    TraceEvent,
    TraceEventKind,
    UnknownBlock,
    UnknownEvent,
)

MAX_ARTIFACTS: Final = 256
"""The number of artifacts that A3S Code keeps when it loads a session."""

MAX_ARTIFACT_BYTES: Final = 16 * 1024 * 1024
"""The bytes of contents that A3S Code keeps when it loads a session."""

_MAX_NAME_BYTES: Final = 255 - len(".json.") - len("1700000000000000000") - len(".4194304") - len(".tmp")
# The seed writes a session beside its file first, under a name that carries nanoseconds and a process id.


def safe_id(id: str) -> str:
    """Return the name that the seed's files have for a session. Several ids can share one."""
    return id.replace("/", "_").replace("\\", "_").replace("..", "_")


def unstorable(id: str) -> str | None:
    """Tell why the seed cannot keep a session of this id, or ``None`` if it can."""
    if not id:
        return "it is empty, and its artifacts would lie in the directory of all"
    if "\0" in id:
        return "it holds a NUL, which no file name can"
    try:
        name = safe_id(id).encode()
    except UnicodeEncodeError:
        return "it holds a lone surrogate, which is not UTF-8"
    if name == b".":
        return "it is '.', which names a directory"
    if len(name) > _MAX_NAME_BYTES:
        return f"its file name has {len(name)} bytes, and the seed has room for {_MAX_NAME_BYTES}"
    return None


def evicted(artifacts: ArtifactStore) -> str | None:
    """Tell why A3S Code would drop some of these artifacts, or ``None`` if it keeps them all."""
    if len(artifacts) > MAX_ARTIFACTS:
        return f"{len(artifacts)} artifacts are more than {MAX_ARTIFACTS}"
    size = sum(len(artifact.content.encode()) for artifact in artifacts)
    if size > MAX_ARTIFACT_BYTES:
        return f"{size} bytes of artifacts are more than {MAX_ARTIFACT_BYTES}"
    return None


def unreadable(
    session: SessionData | None,
    *,
    trace_events: Iterable[TraceEvent] = (),
    run_records: Iterable[RunRecord] = (),
) -> Iterator[str]:
    """Find what is kept here although A3S Code refuses a session that holds it.

    Yields:
        The place and the unknown type, for instance ``messages.3.content.0: thinking``.
    """
    for at, message in enumerate(session.messages if session else ()):
        for inner, block in _unknown_blocks(message):
            yield f"messages.{at}.content.{inner}: {block.type}"
    for at, event in enumerate(trace_events):
        if not isinstance(event.kind, TraceEventKind):
            yield f"traces.{at}: {event.kind}"
    for at, record in enumerate(run_records):
        for place, entry in enumerate(record.events):
            if isinstance(entry.event, UnknownEvent):
                yield f"runs.{at}.events.{place}: {entry.event.type}"


def _unknown_blocks(message: Message) -> Iterator[tuple[str, UnknownBlock]]:
    for at, block in enumerate(message.content):
        if isinstance(block, UnknownBlock):
            yield str(at), block
        elif isinstance(block, ToolResultBlock) and isinstance(block.content, list):
            for place, part in enumerate(block.content):
                if isinstance(part, UnknownBlock):
                    yield f"{at}.content.{place}", part
