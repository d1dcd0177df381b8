"""How a call is broken off at one of its requests: the program ends, or the request or its answer is lost."""

from __future__ import annotations

import objstore
from objstore.testing.faults import FailAfter, FailBefore, Fault


class CrashError(BaseException):
    """The program ends here; nothing of ours catches it."""


def crash_before() -> Fault:
    return FailBefore(CrashError())


def crash_after() -> Fault:
    return FailAfter(CrashError())


def lost_request() -> Fault:
    return FailBefore(objstore.UnavailableError("the request is lost"))


def lost_answer() -> Fault:
    return FailAfter(objstore.UnavailableError("the answer is lost"))


WAYS = [crash_before, crash_after, lost_request, lost_answer]
