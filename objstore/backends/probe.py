"""Find out whether a place is fit to hold a store: a protocol that tries what the log layout stands on."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .._log.marker import CHECK
from .._log.ops import Call, Create, Created, Delete, Get, List, Moment, NewId, Now, Protocol, Put
from ..errors import BackendError, PermissionDeniedError, UnavailableError
from .base import AsyncBackend, Backend, Facts

_RACERS = 16
_ROUNDS = 5
_SKEW = 60.0
"""Seconds that the clocks may differ: far below the wait before a number is freed (24 h), far above a slow request."""


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One thing that was looked into.

    Attributes:
        name: What, such as ``race``.
        ok: Whether it is as it should be; ``None`` where it could not be found out, or is worth knowing only.
        detail: What was seen, and what to do about it.
    """

    name: str
    ok: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` found, in the order of its questions."""

    backend: str
    findings: tuple[CheckFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found that a log store cannot live with."""
        return all(finding.ok is not False for finding in self.findings)


def check(backend: Backend | AsyncBackend) -> Protocol[CheckReport]:
    """Try a place out, under throw-away keys that begin with ``check-<32 hex digits>.``, and leave nothing behind.

    Permissions to list, read, write and delete are four findings; what cannot be asked for want of one of them is left
    open. A place whose create-only writes are not exclusive fails, whatever it promises.

    Args:
        backend: The place. What a protocol cannot ask for is asked of it directly: facts beyond the contract, and
            racing creates of a blocking backend.
    """
    prefix = f"{CHECK}{(yield NewId())}."  # no directory: on a disk it would stay, and make the place look foreign
    key = f"{prefix}object"
    findings = [(yield from _may("list", List(prefix))), (yield from _may("read", Get(key)))]
    before: Moment = yield Now()
    findings.append((yield from _may("write", Put(key, b"one"))))
    if findings[-1].ok:
        after: Moment = yield Now()
        findings.append((yield from _tried("known", _known(backend, key, before, after))))
        findings.append((yield from _tried("read-after-write", _read_after_write(key))))
        if findings[0].ok:
            findings.append((yield from _tried("list-after-write", _list_after_write(prefix))))
        findings.append((yield from _tried("create-only", _create_only(prefix))))
        findings.append((yield from _tried("race", _race(backend, prefix))))
        findings.append((yield from _may("delete", Delete(_all_keys(prefix)))))
        if findings[-1].ok:
            findings.append((yield from _tried("gone-after-delete", _gone(prefix, listed=findings[0].ok is True))))
    return CheckReport(backend.name, tuple(findings))


Asking = Generator[Any, Any, CheckFinding]


def _may(name: str, operation: object) -> Asking:
    try:
        yield operation
    except PermissionDeniedError as error:
        return CheckFinding(name, ok=False, detail=f"not allowed: {error}")
    except BackendError as error:
        return CheckFinding(name, ok=False, detail=str(error))
    return CheckFinding(name, ok=True, detail="allowed")


def _tried(name: str, question: Asking) -> Asking:
    """Let a question that the storage answers with an error fail alone."""
    try:
        return (yield from question)
    except BackendError as error:
        return CheckFinding(name, ok=False, detail=str(error))


def _read_after_write(key: str) -> Asking:
    first = yield Get(key)
    yield Put(key, b"two")
    second = yield Get(key)
    ok = (first, second) == (b"one", b"two")
    detail = "a write is read at once" if ok else "a write is not read at once: is there a cache before the storage?"
    return CheckFinding("read-after-write", ok=ok, detail=detail)


def _list_after_write(prefix: str) -> Asking:
    ok = f"{prefix}object" in {entry.name for entry in (yield List(prefix))}
    detail = (
        "a write is listed at once" if ok else "a write is not listed at once: a store could not find its newest commit"
    )
    return CheckFinding("list-after-write", ok=ok, detail=detail)


def _create_only(prefix: str) -> Asking:
    key = f"{prefix}created"
    first = yield Create(key, b"first")
    second = yield Create(key, b"second")
    if isinstance(first, UnavailableError) or isinstance(second, UnavailableError):
        return CheckFinding(
            "create-only", ok=None, detail=f"not found out, the storage did not answer: {first} {second}"
        )
    ok = (first, second, (yield Get(key))) == (True, False, b"first")
    detail = (
        "a second create of a key is refused" if ok else "a second create of a key is not refused: saves would be lost"
    )
    return CheckFinding("create-only", ok=ok, detail=detail)


def _race(backend: Backend | AsyncBackend, prefix: str) -> Asking:
    winners = []
    for number in range(_ROUNDS):
        key = f"{prefix}race-{number}"
        if isinstance(backend, AsyncBackend):
            answers = yield tuple(Create(key, f"{racer}".encode()) for racer in range(_RACERS))
        else:  # a driver calls a blocking backend once after the other
            answers = yield Call(_threads, (backend, key), blocking=True)
        if any(isinstance(answer, UnavailableError) for answer in answers):
            return CheckFinding("race", ok=None, detail="not found out: the storage did not answer all of the racers")
        won = [racer for racer, answer in enumerate(answers) if answer]
        winners.append(len(won))
        if len(won) != 1 or (yield Get(key)) != f"{won[0]}".encode():
            break
    else:
        return CheckFinding(
            "race", ok=True, detail=f"of {_RACERS} creates at once exactly one wins, {_ROUNDS} times of {_ROUNDS}"
        )
    return CheckFinding(
        "race",
        ok=False,
        detail=f'of {_RACERS} creates at once {winners[-1]} were told that they won: use layout="tree" here',
    )


def _threads(backend: Backend, key: str) -> list[Created]:
    start = threading.Barrier(_RACERS)

    def create(racer: int) -> Created:
        start.wait()
        try:
            return backend.create(key, f"{racer}".encode())
        except UnavailableError as error:
            return error

    with ThreadPoolExecutor(_RACERS) as threads:
        return list(threads.map(create, range(_RACERS)))


def _known(backend: Backend | AsyncBackend, key: str, before: Moment, after: Moment) -> Asking:
    ask = getattr(backend, "facts", None)
    if ask is None:
        return CheckFinding("known", ok=None, detail="nothing is known about the clock and about versions here")
    facts: Facts = yield Call(ask, (key,), blocking=True)
    skew = 0.0 if facts.modified is None else max(before.wall - facts.modified, facts.modified - after.wall, 0.0)
    versions = {
        True: "old versions of what is deleted are kept: a purge does not remove them",
        False: "no old versions are kept",
        None: "whether old versions are kept may not be asked",
    }[facts.versioned]
    return CheckFinding("known", ok=skew <= _SKEW, detail=f"the clocks differ by {skew:.0f} s at least; {versions}")


def _gone(prefix: str, *, listed: bool) -> Asking:
    left = []
    for key in _all_keys(prefix):
        if (yield Get(key)) is not None:
            left.append(key)  # noqa: PERF401 - a comprehension cannot yield
    names = [entry.name for entry in (yield List(prefix)) if not entry.is_directory] if listed else []
    ok = not left and not names
    detail = "nothing is left behind" if ok else f"still there after a delete: {left + names}; remove them by hand"
    return CheckFinding("gone-after-delete", ok=ok, detail=detail)


def _all_keys(prefix: str) -> tuple[str, ...]:
    return tuple(f"{prefix}{name}" for name in ("object", "created", *(f"race-{n}" for n in range(_ROUNDS))))
