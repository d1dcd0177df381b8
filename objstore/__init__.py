"""Sessions of AI agents on any object storage: atomic, verified, with history."""

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
from .store import SessionStore, open  # noqa: A004
