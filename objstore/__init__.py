"""Sessions of AI agents on any object storage: atomic, verified, with history."""

from . import models
from ._ailments import Ailment, Mend
from ._artifacts import ArtifactInfo
from ._compare import Diff, Difference
from ._contents import ArtifactStream, AsyncArtifactStream
from ._diagnosis import LostCommit
from ._drive import Event, OperationEvent, SaveEvent
from ._mend import RepairReport
from ._prune import CollectReport, Doomed, PruneReport
from ._session import CommitInfo
from ._sessions import SessionBundle
from ._summary import SessionSummary
from ._usage import Amount, SessionUsage, UsageReport
from ._verify import Finding, VerifyReport
from .aio import AsyncSessionStore, open_async
from .aio_documents import AsyncDocumentStore
from .backends.probe import CheckFinding, CheckReport
from .documents import Document, DocumentStore
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
