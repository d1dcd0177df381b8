"""The trait of the seed, for people who bring a store of their own: what a program may ask of any session store."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from .models import ArtifactStore, RunRecord, SessionData, TraceEvent, VerificationReport


@runtime_checkable
class SessionStoreProtocol(Protocol):
    """A session store that is waited for. Missing is ``None``, broken is an exception, deleting is idempotent."""

    def save(self, session: SessionData) -> object:
        """Save a session."""

    def load(self, id: str) -> SessionData | None:
        """Load a session."""

    def delete(self, id: str) -> None:
        """Delete a session and its siblings."""

    def list(self) -> builtins.list[str]:
        """Give the ids of all sessions."""

    def exists(self, id: str) -> bool:
        """Say whether there is a session."""

    def save_artifacts(self, id: str, artifacts: ArtifactStore) -> object:
        """Save the artifacts of a session."""

    def load_artifacts(self, id: str) -> ArtifactStore | None:
        """Load the artifacts of a session."""

    def save_trace_events(self, id: str, events: Sequence[TraceEvent]) -> object:
        """Save the trace events of a session."""

    def load_trace_events(self, id: str) -> builtins.list[TraceEvent] | None:
        """Load the trace events of a session."""

    def save_run_records(self, id: str, records: Sequence[RunRecord]) -> object:
        """Save the run records of a session."""

    def load_run_records(self, id: str) -> builtins.list[RunRecord] | None:
        """Load the run records of a session."""

    def save_verification_reports(self, id: str, reports: Sequence[VerificationReport]) -> object:
        """Save the verification reports of a session."""

    def load_verification_reports(self, id: str) -> builtins.list[VerificationReport] | None:
        """Load the verification reports of a session."""

    def health_check(self) -> None:
        """Raise where the store cannot be worked with."""

    def backend_name(self) -> str:
        """Say what kind of place it is."""


@runtime_checkable
class AsyncSessionStoreProtocol(Protocol):
    """The same, awaited."""

    async def save(self, session: SessionData) -> object:
        """Save a session."""

    async def load(self, id: str) -> SessionData | None:
        """Load a session."""

    async def delete(self, id: str) -> None:
        """Delete a session and its siblings."""

    async def list(self) -> builtins.list[str]:
        """Give the ids of all sessions."""

    async def exists(self, id: str) -> bool:
        """Say whether there is a session."""

    async def save_artifacts(self, id: str, artifacts: ArtifactStore) -> object:
        """Save the artifacts of a session."""

    async def load_artifacts(self, id: str) -> ArtifactStore | None:
        """Load the artifacts of a session."""

    async def save_trace_events(self, id: str, events: Sequence[TraceEvent]) -> object:
        """Save the trace events of a session."""

    async def load_trace_events(self, id: str) -> builtins.list[TraceEvent] | None:
        """Load the trace events of a session."""

    async def save_run_records(self, id: str, records: Sequence[RunRecord]) -> object:
        """Save the run records of a session."""

    async def load_run_records(self, id: str) -> builtins.list[RunRecord] | None:
        """Load the run records of a session."""

    async def save_verification_reports(self, id: str, reports: Sequence[VerificationReport]) -> object:
        """Save the verification reports of a session."""

    async def load_verification_reports(self, id: str) -> builtins.list[VerificationReport] | None:
        """Load the verification reports of a session."""

    async def health_check(self) -> None:
        """Raise where the store cannot be worked with."""

    def backend_name(self) -> str:
        """Say what kind of place it is."""
