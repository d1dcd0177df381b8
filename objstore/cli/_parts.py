"""The parts of a session on the command line: loading one by name or saying why not, and its rows for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from ..errors import NotFoundError
from ..models import (
    ArtifactStore,
    ContentBlock,
    ImageBlock,
    RunRecord,
    SessionData,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    TraceEvent,
    VerificationReport,
)
from ..store import SessionStore
from ._text import short


class Part(StrEnum):
    """The five parts."""

    SESSION = "session"
    ARTIFACTS = "artifacts"
    TRACES = "traces"
    RUNS = "runs"
    VERIFICATION = "verification"


def load_part(store: SessionStore, part: Part, id: str, at: int | None) -> Any:
    """Load a part of a session.

    Raises:
        NotFoundError: It was never saved.
    """
    value = _loaded(store, part, id, at)
    if value is None:
        raise absent(store, id, part, at)
    return value


def _loaded(store: SessionStore, part: Part, id: str, at: int | None) -> Any:
    match part:
        case Part.SESSION:
            return store.load(id, at=at)
        case Part.ARTIFACTS:
            return store.load_artifacts(id, at=at)
        case Part.TRACES:
            return store.load_trace_events(id, at=at)
        case Part.RUNS:
            return store.load_run_records(id, at=at)
        case Part.VERIFICATION:
            return store.load_verification_reports(id, at=at)


def absent(store: SessionStore, id: str, part: Part | None, at: int | None) -> NotFoundError:
    """Say of what is there, but is a document of something else, that it holds no session; else see `missing`."""
    if part in (None, Part.SESSION) and next(store.iter_summaries([id]), None) is not None:
        return NotFoundError(f"{id!r} is there, but holds no session; objstore log shows its commits and their parts")
    return missing(id, part, at)


def missing(id: str, part: Part | None = None, at: int | None = None) -> NotFoundError:
    """Say that there is no such session, part or commit."""
    what = f"there is no session {id!r}" if part is None or part is Part.SESSION else f"{id!r} has no {part.value}"
    return NotFoundError(f"{what}{'' if at is None else f' at commit {at}'}; objstore ls shows what is there")


TITLES: dict[Part, tuple[str, ...]] = {
    Part.SESSION: ("index", "role", "text"),
    Part.ARTIFACTS: ("uri", "tool", "original_bytes", "shown_bytes"),
    Part.TRACES: ("index", "kind", "name", "success", "exit_code", "duration_ms", "output_bytes"),
    Part.RUNS: ("id", "status", "events", "prompt"),
    Part.VERIFICATION: ("index", "subject", "status", "checks"),
}
"""The columns of a part, which are the keys of its rows too."""

NUMBERS = frozenset(
    {"index", "original_bytes", "shown_bytes", "exit_code", "duration_ms", "output_bytes", "events", "checks"}
)


def rows_of(part: Part, value: Any) -> list[dict[str, Any]]:
    """Make rows of a part; texts are shortened."""
    makers: dict[Part, Callable[[Any], Iterator[tuple[Any, ...]]]] = {
        Part.SESSION: _messages,
        Part.ARTIFACTS: _artifacts,
        Part.TRACES: _traces,
        Part.RUNS: _runs,
        Part.VERIFICATION: _reports,
    }
    return [dict(zip(TITLES[part], row, strict=True)) for row in makers[part](value)]


def _messages(session: SessionData) -> Iterator[tuple[Any, ...]]:
    for index, message in enumerate(session.messages):
        yield index, message.role, short(" ".join(_block(block) for block in message.content))


def _block(block: ContentBlock | str) -> str:
    match block:
        case str():
            return block
        case TextBlock():
            return block.text
        case ToolUseBlock():
            return f"[tool_use {block.name}]"
        case ToolResultBlock():
            parts = [block.content] if isinstance(block.content, str) else block.content
            return " ".join(["[tool_result]", *map(_block, parts)])
        case ImageBlock():
            return f"[image {block.source.media_type}]"
        case _:
            return f"[{block.type}]"


def _artifacts(artifacts: ArtifactStore) -> Iterator[tuple[Any, ...]]:
    for artifact in artifacts:
        yield artifact.artifact_uri, artifact.tool_name, artifact.original_bytes, artifact.shown_bytes


def _traces(events: list[TraceEvent]) -> Iterator[tuple[Any, ...]]:
    for index, e in enumerate(events):
        yield index, str(e.kind), e.name, e.success, e.exit_code, e.duration_ms, e.output_bytes


def _runs(records: list[RunRecord]) -> Iterator[tuple[Any, ...]]:
    for record in records:
        run = record.snapshot
        yield run.id, str(run.status), len(record.events), short(run.prompt)


def _reports(reports: list[VerificationReport]) -> Iterator[tuple[Any, ...]]:
    for index, report in enumerate(reports):
        yield index, report.subject, str(report.status), len(report.checks)
