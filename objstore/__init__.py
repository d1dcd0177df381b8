"""Sessions of AI agents on any object storage: atomic, verified, with history."""

from . import models
from ._drive import Event, OperationEvent, SaveEvent
from ._session import CommitInfo
from ._sessions import SessionBundle
from ._summary import SessionSummary
from ._verify import Finding, VerifyReport
from .aio import AsyncSessionStore, open_async
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

__all__ = [
    "AsyncSessionStore",
    "AsyncSessionStoreProtocol",
    "BackendError",
    "CommitInfo",
    "ConflictError",
    "Document",
    "DocumentStore",
    "Event",
    "Finding",
    "FormatError",
    "IntegrityError",
    "InvalidIdError",
    "InvalidValueError",
    "NotFoundError",
    "ObjstoreError",
    "OperationEvent",
    "OutcomeUnknownError",
    "PermissionDeniedError",
    "SaveEvent",
    "SessionBundle",
    "SessionStore",
    "SessionStoreProtocol",
    "SessionSummary",
    "UnavailableError",
    "UnsupportedBackendError",
    "UnsupportedError",
    "VerifyReport",
    "open",
    "open_async",
]
__all__ += models.__all__
