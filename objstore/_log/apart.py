"""Objects that the storage does not give out, where many sessions are looked at: whose trouble that is.

A file with the wrong owner, a bad sector, an object under a key that we may not use: one session's. Wrong credentials,
a disk that is gone, a network that is broken: everybody's, and the call ends with that error. They are told apart by
the marker of the store, which is read again: who may not read that may not read anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from .._format.naming import MARKER, SESSIONS
from ..errors import BackendError, IntegrityError, ObjstoreError, UnavailableError, UnsupportedBackendError
from .ops import Get, List, Protocol, Read, through

P = ParamSpec("P")
T = TypeVar("T")


class UnreadableError(IntegrityError):
    """An object that the storage does not give out, though it gives out others."""


def apart(protocol: Callable[P, Protocol[T]]) -> Callable[P, Protocol[T]]:
    """Let a protocol that looks at many sessions take what is not given out for what is damaged: one session's."""

    @wraps(protocol)
    def looking(*args: P.args, **kwargs: P.kwargs) -> Protocol[T]:
        return told_apart(protocol(*args, **kwargs))

    return looking


def told_apart(protocol: Protocol[T]) -> Protocol[T]:
    """Let a protocol on one session of many raise `UnreadableError` where only that is not given out."""
    return through(protocol, _ask)


def _ask(asked: Any) -> Protocol[Any]:
    try:
        return (yield asked)
    except ObjstoreError as error:
        raise (yield from _whose(asked, error))  # noqa: B904 - the error itself, or one that names it as its cause


def _whose(asked: Any, error: ObjstoreError) -> Protocol[ObjstoreError]:
    """Give an `UnreadableError` that names the key, where a failure is that of one object only; else the error."""
    if not isinstance(error, BackendError) or isinstance(error, (UnavailableError, UnsupportedBackendError)):
        return error
    ops = asked if isinstance(asked, tuple) else (asked,)
    for op in ops:
        if len(ops) > 1:
            if not isinstance(op, (Get, Read, List)):
                return error
            try:
                yield op
            except BackendError as again:
                error = again
            except IntegrityError:
                continue
            else:
                continue
        if not _is_of_one(op) or isinstance(error, UnavailableError):
            return error
        try:
            yield Get(MARKER, 0)
        except BackendError:
            return error
        unreadable = UnreadableError(str(error), op.prefix if isinstance(op, List) else op.key)
        unreadable.__cause__ = error
        return unreadable
    return error


def _is_of_one(op: object) -> bool:
    if isinstance(op, List):
        return op.prefix.startswith(SESSIONS) and op.prefix != SESSIONS
    return isinstance(op, (Get, Read)) and op.key != MARKER
