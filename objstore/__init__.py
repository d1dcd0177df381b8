"""Sessions of AI agents on any object storage: atomic, verified, with history."""

from . import models
from ._care.ailments import Ailment, Mend
from ._care.diagnosis import LostCommit
from ._care.findings import Finding, VerifyReport
from ._care.repair import RepairReport
from ._care.retention import CollectReport, Doomed, PruneReport
from ._care.usage import Amount, SessionUsage, UsageReport
from ._engine.artifacts import ArtifactInfo
from ._engine.documents import Document, DocumentSummary
from ._engine.observing import Event, OperationEvent, SaveEvent
from ._engine.parts import SessionBundle
from ._engine.streams import ArtifactStream, AsyncArtifactStream
from ._engine.summary import SessionSummary
from ._log.compare import Diff, Difference
from ._log.session import CommitInfo
from .aio import AsyncSessionStore, open_async
from .aio_documents import AsyncDocumentStore
from .backends.probe import CheckFinding, CheckReport
from .documents import DocumentStore
from .errors import (
    BackendError,
    ConflictError,
    FormatError,
    IntegrityError,
    InvalidIdError,
    InvalidValueError,
    NotFoundError,
    ObjstoreError,
    OutcomeUnknownError,
    PermissionDeniedError,
    UnavailableError,
    UnsupportedBackendError,
    UnsupportedError,
)
from .models import *  # noqa: F403 - every type of the seed, under its name
from .protocols import AsyncSessionStoreProtocol, SessionStoreProtocol
from .store import SessionStore, open
from .transfer import CopyEvent, CopyReport, copy

__all__ = [
    "Ailment",
    "Amount",
    "ArtifactInfo",
    "ArtifactStream",
    "AsyncArtifactStream",
    "AsyncDocumentStore",
    "AsyncSessionStore",
    "AsyncSessionStoreProtocol",
    "BackendError",
    "CheckFinding",
    "CheckReport",
    "CollectReport",
    "CommitInfo",
    "ConflictError",
    "CopyEvent",
    "CopyReport",
    "Diff",
    "Difference",
    "Document",
    "DocumentStore",
    "DocumentSummary",
    "Doomed",
    "Event",
    "Finding",
    "FormatError",
    "IntegrityError",
    "InvalidIdError",
    "InvalidValueError",
    "LostCommit",
    "Mend",
    "NotFoundError",
    "ObjstoreError",
    "OperationEvent",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "PruneReport",
    "RepairReport",
    "SaveEvent",
    "SessionBundle",
    "SessionStore",
    "SessionStoreProtocol",
    "SessionSummary",
    "SessionUsage",
    "UnavailableError",
    "UnsupportedBackendError",
    "UnsupportedError",
    "UsageReport",
    "VerifyReport",
    "copy",
    "open",
    "open_async",
]
__all__ += models.__all__
