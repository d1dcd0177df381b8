"""The parts of a session, and the models that they are made of, on their way out of the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from .._log.loaded import Loaded, described, plain
from .._seed import five_parts
from ..errors import FormatError
from ..models import ArtifactStore, Revision, RunRecord, SessionData, TraceEvent, VerificationReport
from ..models import _documents as documents

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SessionBundle:
    """A session with its four siblings, all of one commit.

    Attributes:
        session: ``None`` where only siblings were saved.
        artifacts: With their contents, unless these are binary (see `ToolArtifact.data`); ``None`` where none were
            ever saved, which is not the same as empty.
        trace_events: The same, and so for the rest.
        run_records: Runs with their events.
        verification_reports: The reports.
        revision: The commit that they were read from.
    """

    session: SessionData | None
    artifacts: ArtifactStore | None
    trace_events: list[TraceEvent] | None
    run_records: list[RunRecord] | None
    verification_reports: list[VerificationReport] | None
    revision: Revision


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of a session and the models that it is made of."""

    name: str
    adapter: TypeAdapter[T]


SESSION: Final = Part(five_parts.SESSION, documents.SESSION)
ARTIFACTS: Final = Part(five_parts.ARTIFACTS, documents.ARTIFACTS)
TRACE_EVENTS: Final = Part(five_parts.TRACES, documents.TRACE_EVENTS)
RUN_RECORDS: Final = Part(five_parts.RUNS, documents.RUN_RECORDS)
VERIFICATION_REPORTS: Final = Part(five_parts.VERIFICATION, documents.VERIFICATION_REPORTS)


def session_of(id: str, loaded: Loaded) -> SessionData | None:
    """Give the session that was loaded, with its revision."""
    session = value_of(SESSION, id, loaded)
    if session is not None:
        session.revision = loaded.revision
    return session


def value_of(part: Part[T], id: str, loaded: Loaded) -> T | None:
    """Make a part that was loaded of its models; ``None`` where it was never saved.

    Raises:
        FormatError: It is not of the seed's types.
    """
    document = loaded.parts[part.name]
    if document is None:
        return None
    if part.name == five_parts.ARTIFACTS:
        document = plain(document, described)
    try:
        return documents.from_document(part.adapter, document)
    except ValidationError as error:
        steps = error.errors(include_url=False, include_input=False)[0]["loc"]
        where = f" (at {'.'.join(map(str, steps))})" if steps else ""
        raise FormatError(
            f"the part {part.name!r} of {id!r} is whole, but not of the seed's types{where}; is it a document?",
            loaded.key,
        ) from None


def bundle_of(id: str, loaded: Loaded) -> SessionBundle:
    """Give all parts that were loaded."""
    return SessionBundle(
        session_of(id, loaded),
        value_of(ARTIFACTS, id, loaded),
        value_of(TRACE_EVENTS, id, loaded),
        value_of(RUN_RECORDS, id, loaded),
        value_of(VERIFICATION_REPORTS, id, loaded),
        loaded.revision,
    )
