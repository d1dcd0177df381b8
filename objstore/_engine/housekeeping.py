"""The calls of a log store that keep house: each goes by what lies there, and makes the handle forget it."""

from __future__ import annotations

from collections.abc import Iterable

from .._care import prune as pruning
from .._care import repair as repairing
from .._care.repair import RepairReport
from .._care.retention import ChooseFloor, CollectReport, PruneReport
from .._care.usage import UsageReport, usage
from .._format import naming
from .._log.land import LostError
from .._log.ops import Protocol
from ..errors import ConflictError
from .handle import Handle

_ATTEMPTS = 10


def prune(log: Handle, id: str, choose: ChooseFloor, *, dry_run: bool) -> Protocol[PruneReport]:
    """Raise the floor of a session's history; again when a writer was faster."""
    if not dry_run:
        yield from log.writing()
    for _ in range(_ATTEMPTS):
        try:
            report = yield from pruning.prune(log.rules, naming.check_id(id), choose, log.summarise, dry_run=dry_run)
        except LostError:
            continue
        log.forget(id)
        return report
    raise ConflictError(f"others kept committing to {id!r} while it was to be pruned; try again", id)


def collect(log: Handle, ids: Iterable[str] | None, *, dry_run: bool) -> Protocol[CollectReport]:
    """Remove what crashes left of some sessions, or of all that lie there."""
    if not dry_run:
        yield from log.writing()
    wanted = None if ids is None else [naming.check_id(id) for id in ids]
    return (yield from pruning.collect_all(log.rules, wanted, log.summarise, dry_run=dry_run))


def du(log: Handle, ids: Iterable[str] | None) -> Protocol[UsageReport]:
    """Say what some sessions take in the storage, or all that lie there."""
    return usage(log.rules, None if ids is None else [naming.check_id(id) for id in ids])


def repair(log: Handle, id: str, *, dry_run: bool) -> Protocol[RepairReport]:
    """Set damaged newest commits aside and mend what hurts an agent; again when a writer was faster."""
    naming.check_id(id)
    if not dry_run:
        yield from log.writing()
    for _ in range(_ATTEMPTS):
        try:
            report = yield from repairing.repair(log.rules, id, log.care, log.summarise, dry_run=dry_run)
        except (LostError, ConflictError):
            continue
        finally:
            log.forget(id)  # what it remembers may stand on what was set aside
        return report
    raise ConflictError(f"others kept committing to {id!r} while it was to be repaired; try again", id)
