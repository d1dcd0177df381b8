"""The errors of objstore, grouped by what a caller does about them.

    ObjstoreError
    ├── ConflictError             reload, look, decide; the other side's save is safe
    ├── NotFoundError             (KeyError)   ask for something that is there
    ├── InvalidIdError            (ValueError) choose another id
    ├── InvalidValueError         (ValueError) mend the value that was to be saved
    ├── UnsupportedError          choose another layout, option or place
    ├── IntegrityError            stored bytes are damaged: verify, go back in history, repair
    ├── FormatError               not ours, or of a newer objstore: upgrade, or point elsewhere
    ├── OutcomeUnknownError       the save may or may not be there: load and look
    └── BackendError              the storage refused or failed
        ├── UnsupportedBackendError   it cannot hold a log store safely
        ├── UnavailableError          worth a retry
        └── PermissionDeniedError     mend the credentials or the policy

Messages say what, where and what to do. They never carry contents or secrets. All of them can be pickled, and the
error that caused one is kept as its ``__cause__``.
"""

from __future__ import annotations


class ObjstoreError(Exception):
    """The root of everything that objstore raises on its own account."""


class ConflictError(ObjstoreError):
    """Somebody else changed the session since the revision that this save was based on, or the id is taken.

    Attributes:
        id: The session.
        expected: The number of the commit that the save was based on, if there was one.
        actual: The number of the newest commit, if it is known.
    """

    def __init__(self, message: str, id: str, expected: int | None = None, actual: int | None = None) -> None:
        super().__init__(message, id, expected, actual)
        self.id = id
        self.expected = expected
        self.actual = actual

    def __str__(self) -> str:
        return str(self.args[0])


class NotFoundError(ObjstoreError, KeyError):
    """What was asked for does not exist, in a place where ``None`` would be no answer."""

    def __str__(self) -> str:  # KeyError would print the repr
        return str(self.args[0])


class InvalidIdError(ObjstoreError, ValueError):
    """The id cannot name a session."""


class InvalidValueError(ObjstoreError, ValueError):
    """A value that was to be saved is not JSON: NaN, a lone surrogate, nested too deep, or of a foreign type.

    Or an argument is of a foreign type, such as a text where the number of a commit belongs; or the clock of this
    machine stands at a time that no calendar has.
    """


class UnsupportedError(ObjstoreError):
    """The layout or the backend cannot do this; nothing was written."""


class _KeyedError(ObjstoreError):
    def __init__(self, message: str, key: str) -> None:
        super().__init__(message, key)
        self.key = key

    def __str__(self) -> str:
        return str(self.args[0])


class IntegrityError(_KeyedError):
    """Stored bytes are not what was written: damaged, torn, exchanged or missing.

    Attributes:
        key: The object, relative to the store's prefix.
    """


class FormatError(_KeyedError):
    """Stored bytes are whole but not understood: another program's, or a newer objstore's.

    Attributes:
        key: The object, relative to the store's prefix.
    """


class OutcomeUnknownError(ObjstoreError):
    """The storage never said whether the save arrived. It is there once or not at all; load to see."""


class BackendError(ObjstoreError):
    """The storage failed or refused."""


class UnsupportedBackendError(BackendError):
    """The storage lacks what the log layout stands on, create-only writes above all."""


class UnavailableError(BackendError):
    """The storage did not answer, or asked us to slow down, more often than `retries` allows."""


class PermissionDeniedError(BackendError):
    """The storage knows who we are and says no, or does not know who we are."""
