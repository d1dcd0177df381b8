"""Putting one commit on top of a log: it is on the chain and durable when this returns, or it was lost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from .._format import naming
from .._format.commit import FENCES, encode, is_torn, timestamp
from .._format.refs import Ref
from .._format.state import Leaves, stored
from ..errors import (
    BackendError,
    FormatError,
    IntegrityError,
    ObjstoreError,
    OutcomeUnknownError,
    UnavailableError,
    UnsupportedError,
)
from .asking import get_commit
from .base import Base, Rules
from .chain import stands_on
from .draft import Draft, Summarise, build, joined
from .head import find_head, head_from, head_ops, is_newest, is_old
from .hints import listed_since
from .ops import Create, Delete, List, Moment, NewId, Now, Protocol, Put, StorageOp, Sync, Upload
from .reading import parse

CREATES = 4
"""How often one object is created before its outcome is given up as unknown."""


class LostError(Exception):
    """Another commit took the number, or ours is not on the chain.

    Attributes:
        hint: The hint that was created beside ours.
        digest: Of ours, where it was sent at all.
        issued: When it was made, then.
    """

    def __init__(self, hint: str | None = None, digest: str | None = None, issued: Moment | None = None) -> None:
        super().__init__(hint, digest, issued)
        self.hint = hint
        self.digest = digest
        self.issued = issued


def commit(rules: Rules, head: Base, draft: Draft, summarise: Summarise) -> Protocol[Base]:
    """Put one commit on top of ``head``; when this returns, it is on the chain and durable.

    Raises:
        LostError: It is not on the chain; a load tells what is.
        OutcomeUnknownError: The storage never said whether it arrived.
        UnavailableError: An object that it needs could not be stored; no commit was written.
        UnsupportedError: The number of the head is the last that there is.
    """
    seq = head.seq + 1
    if seq > naming.MAX_SEQ:
        raise UnsupportedError(
            f"the log of {head.id!r} is full, its newest commit has the last number that there is; fork it, and go on "
            "in the new session"
        )
    issued: Moment = yield Now()
    attempt: str = yield NewId()
    done, body, state, encoder = build(rules, head, draft, summarise, attempt, timestamp(issued.wall))
    data, digest = encode(done, body, rules.compressors.compress)
    born = done.born
    hint = None if (head.hinted and born == head.born) or not born else listed_since(head, born)
    creates = [
        _creation(rules, naming.object_key(head.key, head.epoch, name), name, raw)
        for name, raw in encoder.missing.items()
    ]
    unobserved = draft.unobserved
    if creates and unobserved:  # what is uploaded under a wrong epoch is wasted: look first
        if (yield from find_head(head.key)):
            raise LostError
        unobserved = False
    if creates:
        yield from create_objects(rules, creates)
    if seq > 1 and seq % naming.GROUP == 0:
        yield from _new_directory(head)
    create = Create(naming.log_key(head.key, seq), data, beside=seq > 1 and seq % naming.GROUP != 0)
    try:
        listed = yield from _create_commit(rules, head, create, hint, attempt, unobserved=unobserved)
        now: Moment = yield Now()
        if (listed > seq or is_old(rules, head.observed, now)) and not (yield from _on_chain(rules, head, seq, digest)):
            raise LostError(hint.key if hint else None)
    except LostError as lost:
        raise LostError(lost.hint, digest, issued) from None
    except (BackendError, IntegrityError) as error:  # something that is no file may be in the place of the hint
        unknown = yield from _unknown(head, attempt, error)
        if unknown is None:
            raise
        raise unknown from error
    if head.born and not born and done.kind != "delete":  # a state from before there was a session was restored
        with suppress(BackendError):  # it is saved; `collect` removes the hint as well
            yield Delete((naming.index_hint(head.key, head.born),))
    whole = done.whole
    kept = {} if done.kind in FENCES else head.present  # a fence: what only commits below the floor name is being swept
    return Base(
        head.id, head.key, seq, digest, done.kind, done.epoch, done.floor, born,
        tuple(k if k.digest else replace(k, digest=digest) for k in done.keys), state,
        done.objects if whole else joined(head.objects, done.objects), joined(kept, done.objects),
        Leaves(encoder.cut) if whole else head.leaves.with_others(encoder.cut), done.summary, done.time, issued,
        (0 if whole else head.weight) + len(body), hinted=True, durable=True,
        texts=encoder.texts,
    )  # fmt: skip


def _new_directory(head: Base) -> Protocol[None]:
    """Before the first commit of a directory: what the old one shows may not be durable yet, or all may be gone."""
    log = naming.log_root(head.key)
    old = naming.log_dir(head.key, head.seq // naming.GROUP)
    _, groups = yield Sync(old), List(log)
    if not groups:  # nothing that is in a log goes before there is a larger number
        raise BackendError(
            f"cannot create commit {head.seq + 1} in {log}: that is gone, and with it what lay there; somebody removed "
            "it while the store was open. Nothing was saved: load what there is, and open the store anew if all of it "
            "was removed"
        )


def _creation(rules: Rules, key: str, name: str, raw: bytes | Ref) -> Create | Upload:
    if isinstance(raw, bytes):
        return Create(key, stored(name, raw, rules.compressors.compress))
    assert raw.path is not None  # the encoder takes no other
    return Upload(key, raw.path, raw.size)


def create_objects(rules: Rules, creates: Sequence[Create | Upload]) -> Protocol[None]:
    """Create objects side by side; one that is there already under this very key is as good, unless a crash tore it."""
    error: UnavailableError | None = None
    for _ in range(CREATES):
        results = yield tuple(creates)
        if rules.tearable:
            yield from _create_torn([c for c, made in zip(creates, results, strict=True) if made is False])
        creates = [c for c, result in zip(creates, results, strict=True) if isinstance(result, UnavailableError)]
        if not creates:
            return
        error = next(r for r in results if isinstance(r, UnavailableError))
    assert error is not None
    raise error


def _create_torn(refused: Sequence[Create | Upload]) -> Protocol[None]:
    """Write once more what is there, since that may be half of it, and nobody else writes."""
    for create in refused:
        if isinstance(create, Create):
            yield Put(create.key, create.data)
        else:
            yield Delete((create.key,))
            yield create


def _create_commit(
    rules: Rules, head: Base, create: Create, hint: Create | None, attempt: str, *, unobserved: bool
) -> Protocol[int]:
    """Create the commit, and the hint beside it; give the newest number that a list beside the first attempt showed.

    Somebody's commit under our number, or an answer that was lost, makes us read what is there: a client library that
    resends by itself turns our own success into a refusal.
    """
    lists: tuple[List, ...] = head_ops(head.key) if unobserved else ()
    wave: tuple[StorageOp, ...] = _ops(*lists, create, hint)
    made: str | None = None
    listed = 0
    error: UnavailableError | None = None
    for _ in range(CREATES):
        results = yield wave
        if lists:
            listed = yield from head_from(head.key, results[0], results[1])
            results = results[2:]
        if hint and results[1] is not False:
            made = hint.key
        if hint and not isinstance(results[1], UnavailableError):
            hint = None
        if results[0] is not True:
            if isinstance(results[0], UnavailableError):
                error = results[0]
            try:
                data = yield get_commit(head.key, head.seq + 1)
                if rules.tearable and data is not None and is_torn(data):  # a save that crashed: its number is free
                    yield Delete((create.key,))
                    data = None
                found = parse(head, head.seq + 1, data)
            except IntegrityError:
                raise LostError(made) from None
            if found is None and data is None:
                wave, lists = _ops(create, hint), ()
                continue
            if found is None or found.commit != attempt:
                raise LostError(made)
        if hint:
            yield from create_objects(rules, [hint])
        return listed
    raise OutcomeUnknownError(
        f"the storage never said whether commit {head.seq + 1} of {head.id!r} arrived; load it to see"
    ) from error


def _unknown(head: Base, attempt: str, error: ObjstoreError) -> Protocol[OutcomeUnknownError | None]:
    """Give what to raise when the storage fails after the commit was sent and it may be there; ``None``: it is not."""
    asked = get_commit(head.key, head.seq + 1)
    if isinstance(error, IntegrityError) and error.key == asked.key:
        return None  # nothing can be created there
    try:
        found = parse(head, head.seq + 1, (yield asked))
        is_there = found is not None and found.commit == attempt
    except (BackendError, IntegrityError, FormatError):
        is_there = True
    if not is_there and not isinstance(error, UnavailableError):
        return None
    return OutcomeUnknownError(
        f"the storage failed while commit {head.seq + 1} of {head.id!r} was saved, which may be there; load it to see. "
        f"It said: {error}"
    )


def _on_chain(rules: Rules, head: Base, seq: int, digest: str) -> Protocol[bool]:
    """Say whether our commit is the newest, or the one that its successor stands on."""
    if (yield from is_newest(rules, head.key, seq)):
        return True
    try:
        successor = parse(head, seq + 1, (yield get_commit(head.key, seq + 1)))
    except (IntegrityError, FormatError) as error:
        raise OutcomeUnknownError(
            f"commit {seq + 1} of {head.id!r}, which would tell whether commit {seq} counts, is damaged or of a newer "
            "objstore; load it to see"
        ) from error
    return successor is not None and stands_on(successor.parent, digest)


def _ops(*several: StorageOp | None) -> tuple[StorageOp, ...]:
    return tuple(filter(None, several))
