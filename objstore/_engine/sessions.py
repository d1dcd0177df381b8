"""The calls of a session store as protocols: the seed's models on one side, parts of a state on the other.

Both faces are thin: each call of theirs makes the protocol here and has it driven. A call takes its values down before
it returns the protocol, so a caller may go on changing them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeVar

from pydantic import TypeAdapter

from .._format import checking, naming
from .._format.canonical import JSON
from .._log.ops import Call, Moment, Now, Pause, Protocol
from .._log.save import drawn
from .._seed import five_parts
from ..errors import ConflictError, InvalidValueError, NotFoundError
from ..models import (
    AgentEvent,
    ArtifactStore,
    Message,
    Revision,
    RunEventRecord,
    RunRecord,
    SessionData,
    ToolArtifact,
    TraceEvent,
    VerificationReport,
)
from ..models import _documents as documents
from ..models._base import Model
from .arguments import listed
from .layouts import BaseArgument, FindLayout, Unset, given
from .parts import (
    ARTIFACTS,
    RUN_RECORDS,
    SESSION,
    TRACE_EVENTS,
    VERIFICATION_REPORTS,
    Part,
    SessionBundle,
    bundle_of,
    session_of,
    value_of,
)
from .taking import Seen, check_readable, hand_on, seen, taken_down

T = TypeVar("T")

_EVENT_RECORD: Final = TypeAdapter(RunEventRecord)
_EVENT: Final[TypeAdapter[Any]] = TypeAdapter(AgentEvent)
_APPENDED: Final[Mapping[str, TypeAdapter[Any]]] = MappingProxyType(
    {
        "messages": documents.MESSAGES,
        "traces": documents.TRACE_EVENTS,
        "runs": documents.RUN_RECORDS,
        "artifacts": documents.TOOL_ARTIFACTS,
        "verification": documents.VERIFICATION_REPORTS,
    }
)


class Sessions:
    """Translates between models and parts, on any layout."""

    def __init__(self, layout: FindLayout) -> None:
        self._layout = layout

    # The session part

    def save(self, session: SessionData, base: BaseArgument) -> Protocol[Revision]:
        """See `SessionStore.save`."""
        if not isinstance(session, SessionData):
            raise InvalidValueError(f"session must be a SessionData, not {type(session).__name__}")
        naming.check_id(session.id)
        parts = {five_parts.SESSION: _taken(SESSION, session, seen(session.revision))}
        return self._saved(session, session.id, parts, _based(session, base), None)

    def _saved(
        self, session: SessionData, id: str, parts: Mapping[str, JSON], base: Revision | int | None, key: str | None
    ) -> Protocol[Revision]:
        revision, _ = yield from self._written(session, id, parts, base, key)
        return revision

    def _written(
        self, session: SessionData, id: str, parts: Mapping[str, JSON], base: Revision | int | None, key: str | None
    ) -> Protocol[tuple[Revision, bool]]:
        watch = seen(session.revision).watch
        revision, wrote = yield from (yield from self._layout()).save(id, parts, base, key)
        hand_on(watch, revision)
        session.revision = revision
        return revision, wrote

    def load(self, id: str, at: int | None) -> Protocol[SessionData | None]:
        """See `SessionStore.load`."""
        loaded = yield from (yield from self._layout(id)).load(id, (five_parts.SESSION,), at)
        return session_of(id, loaded) if loaded else None

    def update(
        self,
        id: str,
        change: Callable[[SessionData], Awaitable[SessionData | None] | SessionData | None],
        attempts: int,
    ) -> Protocol[SessionData]:
        """See `SessionStore.update`."""
        attempt = 0
        while True:
            attempt += 1
            session = yield from self.load(id, None)
            if session is None:
                raise NotFoundError(f"there is no session {id!r} to update; save one first")
            revision = session.revision
            changed = yield Call(change, (session,))
            if changed is not None and not isinstance(changed, SessionData):
                raise TypeError(f"the update of {id!r} gave a {type(changed).__name__}, not a session or None")
            session = changed or session
            if session.id != id:
                raise InvalidValueError(f"the update of {id!r} made a session with another id; save that one instead")
            parts = {five_parts.SESSION: _taken(SESSION, session, seen(session.revision))}
            try:
                saved, wrote = yield from self._written(session, id, parts, revision, None)
            except ConflictError:
                if attempt == attempts:
                    raise
            else:
                # What others made just so meanwhile is no change of ours: of two that count one up, both count.
                if wrote or saved == revision:
                    return session
                if attempt == attempts:
                    raise ConflictError(
                        f"others changed {id!r} in each of {attempts} attempts to update it; try again",
                        id, revision.seq if revision else None, saved.seq,
                    )  # fmt: skip
            yield Pause((yield from drawn()) * min(0.01 * 2**attempt, 1.0))

    # A sibling by itself

    def save_part(self, part: Part[T], id: str, value: T, base: BaseArgument) -> Protocol[Revision]:
        """Save one sibling of a session, which need not have a session part."""
        known = seen(base if isinstance(base, Revision) else None)
        return self._save(id, {part.name: _taken(part, value, known)}, given(base), None, known)

    def _save(
        self, id: str, parts: Mapping[str, JSON], base: Revision | int | None, key: str | None, known: Seen
    ) -> Protocol[Revision]:
        revision, _ = yield from (yield from self._layout()).save(id, parts, base, key)
        hand_on(known.watch, revision)
        return revision

    def load_part(self, part: Part[T], id: str, at: int | None) -> Protocol[T | None]:
        """Load one sibling of a session."""
        loaded = yield from (yield from self._layout(id)).load(id, (part.name,), at)
        return value_of(part, id, loaded) if loaded else None

    # Several parts at once

    def commit(
        self,
        session_or_id: SessionData | str,
        artifacts: ArtifactStore | None,
        trace_events: Sequence[TraceEvent] | None,
        run_records: Sequence[RunRecord] | None,
        verification_reports: Sequence[VerificationReport] | None,
        base: BaseArgument,
        key: str | None,
    ) -> Protocol[Revision]:
        """See `SessionStore.commit`."""
        parts: dict[str, JSON] = {}
        known = seen(session_or_id.revision) if isinstance(session_or_id, SessionData) else Seen()
        if isinstance(session_or_id, SessionData):
            naming.check_id(session_or_id.id)
            parts[five_parts.SESSION] = _taken(SESSION, session_or_id, known)
        if artifacts is not None:
            parts[five_parts.ARTIFACTS] = _taken(ARTIFACTS, artifacts, known)
        if trace_events is not None:
            parts[five_parts.TRACES] = _taken(TRACE_EVENTS, listed("trace_events", trace_events), known)
        if run_records is not None:
            parts[five_parts.RUNS] = _taken(RUN_RECORDS, listed("run_records", run_records), known)
        if verification_reports is not None:
            parts[five_parts.VERIFICATION] = _taken(
                VERIFICATION_REPORTS, listed("verification_reports", verification_reports), known
            )
        if isinstance(session_or_id, SessionData):
            return self._saved(session_or_id, session_or_id.id, parts, _based(session_or_id, base), key)
        return self._save(naming.check_id(session_or_id), parts, given(base), key, known)

    def append(
        self,
        id: str,
        messages: Iterable[Message],
        trace_events: Iterable[TraceEvent],
        run_records: Iterable[RunRecord],
        run_events: Mapping[str, Iterable[RunEventRecord | AgentEvent]],
        artifacts: Iterable[ToolArtifact],
        verification_reports: Iterable[VerificationReport],
        base: BaseArgument,
        key: str | None,
    ) -> Protocol[Revision]:
        """See `SessionStore.append`."""
        written = {
            "messages": _documents(documents.MESSAGES, listed("messages", messages)),
            "traces": _documents(documents.TRACE_EVENTS, listed("trace_events", trace_events)),
            "runs": _documents(documents.RUN_RECORDS, listed("run_records", run_records)),
            "events": _events(run_events),
            "artifacts": _documents(documents.TOOL_ARTIFACTS, listed("artifacts", artifacts)),
            "verification": _documents(
                documents.VERIFICATION_REPORTS, listed("verification_reports", verification_reports)
            ),
        }
        added: Any = checking.check(written, what="appended")  # no deeper here than where it will stand
        for kind, adapter in _APPENDED.items():
            if added[kind]:
                check_readable(kind, adapter, added[kind])
        for events in added["events"].values():
            for event in events:
                check_readable("an event", _EVENT_RECORD, {"sequence": 0, "timestamp_ms": 0, **event})
        added["artifacts"] = [five_parts.referring(artifact) for artifact in added["artifacts"]]
        return self._append(id, added, given(base), key)

    def _append(
        self, id: str, added: dict[str, Any], base: Revision | int | None, key: str | None
    ) -> Protocol[Revision]:
        now: Moment = yield Now()
        growth = five_parts.Growth(**added, now_ms=int(now.wall * 1000))
        revision, _ = yield from (yield from self._layout()).derive(id, growth.patches(id), base, key)
        return revision

    def load_bundle(self, id: str, at: int | None) -> Protocol[SessionBundle | None]:
        """See `SessionStore.load_bundle`."""
        loaded = yield from (yield from self._layout(id)).load(id, five_parts.PARTS, at)
        if loaded is None or all(value is None for value in loaded.parts.values()):
            return None
        return bundle_of(id, loaded)


def _based(session: SessionData, base: BaseArgument) -> Revision | int | None:
    return session.revision if isinstance(base, Unset) else given(base)


def _taken(part: Part[T], value: T, known: Seen) -> JSON:
    if part.name == five_parts.ARTIFACTS and not isinstance(value, ArtifactStore):
        raise InvalidValueError(f"artifacts must be an ArtifactStore, not {type(value).__name__}")
    return taken_down(part.name, part.adapter, value, known)


def _documents(adapter: TypeAdapter[list[T]], values: list[T]) -> Any:
    return documents.to_document(adapter, values) if values else []


def _events(run_events: Mapping[str, Iterable[RunEventRecord | AgentEvent]]) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(run_events, Mapping):
        raise InvalidValueError(f"run_events must map ids of runs to events, not be a {type(run_events).__name__}")
    return {run: [_event(event) for event in listed("run_events", events)] for run, events in run_events.items()}


def _event(event: RunEventRecord | AgentEvent) -> dict[str, Any]:
    if isinstance(event, RunEventRecord):
        record: dict[str, Any] = documents.to_document(_EVENT_RECORD, event)
        return record
    if not isinstance(event, Model):
        raise InvalidValueError(f"{type(event).__name__} stands in a list of events")
    return {"event": documents.to_document(_EVENT, event)}
