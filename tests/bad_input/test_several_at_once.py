"""Several objects of a session harmed together: whatever is read, repaired or copied was saved once, or is an error."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import objstore
from objstore import FormatError, IntegrityError, Message, NotFoundError, SessionBundle, SessionData
from objstore._format import naming
from objstore.backends import MemoryBackend

from .test_every_object import IDS, RICH, keys

OURS = {key: RICH.get(key) or b"" for key in keys(RICH)}


def lived_otherwise() -> MemoryBackend:
    """Make a store with sessions of the same ids and numbers, and other words."""
    place = MemoryBackend.isolated()
    for id in IDS:
        session = SessionData.new(id)
        for turn in range(8):
            session.messages.append(Message.user(f"other {turn}"))
            objstore.open(place).save(session)
    return place


OTHER = lived_otherwise()

Found = SessionBundle | IntegrityError | FormatError | NotFoundError | None


def made(files: dict[str, bytes]) -> MemoryBackend:
    place = MemoryBackend.isolated()
    for key, data in files.items():
        place.put(key, data)
    return place


def answer(call: Callable[[], SessionBundle | None]) -> Found:
    try:
        return call()
    except (IntegrityError, FormatError, NotFoundError) as error:
        return error


def contents(bundle: Found) -> Any:
    """What a bundle holds, whatever commit it is of."""
    if not isinstance(bundle, SessionBundle):
        return bundle
    return bundle.session, bundle.artifacts, bundle.trace_events


def states(place: MemoryBackend, id: str) -> dict[int | None, Found]:
    store = objstore.open(place)
    return {at: answer(partial(store.load_bundle, id, at=at)) for at in (None, *range(1, 10))}


RIGHT = {id: states(RICH, id) for id in IDS}


def harmed(rng: random.Random, id: str) -> dict[str, bytes]:
    """Harm up to three objects of a session.

    The newest commit is not removed, nor replaced by a whole one of another store: nothing that is read tells of that.
    Nor are two replaced so, which may vouch for each other, or lay the blame on what stands between them, or one beside
    another that is harmed, which could have told.
    """
    mine = sorted(key for key in OURS if key.startswith(naming.session_dir(naming.session_key(id))))
    logs = [key for key in mine if "/log/" in key]
    files = dict(OURS)
    for _ in range(rng.randint(1, 3)):
        key = rng.choice(logs[-3:] if rng.random() < 0.5 else mine)
        others = [log for log in logs if files.get(log) == OTHER.get(log)]
        beside = [log for at, log in enumerate(logs) if key in logs[max(at - 1, 0) : at + 2] and log != key]
        if any(log in others for log in beside):
            continue
        told = not others and key != logs[-1] and all(files.get(log) == OURS[log] for log in beside)
        data, middle = OURS[key], len(OURS[key]) // 2
        ways = [
            data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :] if data else b"x",
            *(
                data[:middle],
                b"",
                b"{}",
                OURS[rng.choice(mine)],
                (told and OTHER.get(key)) or b"of another store",
            ),
        ]
        files[key] = rng.choice(ways)
        if key != logs[-1] and rng.random() < 0.2:
            del files[key]
    return files


@pytest.mark.parametrize("rounds", [25, pytest.param(2_000, marks=pytest.mark.deep)])
def test_what_is_read_repaired_or_copied_was_saved(rounds: int) -> None:
    rng = random.Random(20261126)
    errors = 0
    for _ in range(rounds):
        id = rng.choice(IDS)
        files = harmed(rng, id)
        for at, found in states(made(files), id).items():
            errors += isinstance(found, IntegrityError)
            if isinstance(found, SessionBundle) and isinstance(RIGHT[id][at], NotFoundError):
                # the prune that gave it up cannot be read, nor what is above that
                assert id == "pruned"
                lived(found, id)
            elif isinstance(found, SessionBundle) or found is None:
                assert contents(found) == contents(RIGHT[id][at]), (id, at)
        objstore.open(made(files)).verify()
        repaired(made(files), id)
        target = MemoryBackend.isolated()
        report = objstore.copy(objstore.open(made(files)), objstore.open(target), history=rng.random() < 0.5)
        if id in report.copied:
            assert contents(states(target, id)[None]) == contents(RIGHT[id][None])
    assert errors > rounds


def repaired(place: MemoryBackend, id: str) -> None:
    store = objstore.open(place)
    try:
        report = store.repair(id, dry_run=False)
    except IntegrityError:
        return
    found = objstore.open(place).load_bundle(id)
    if RIGHT[id][None] is None:
        assert found is None  # it stays deleted
    elif found is None:
        assert report.lost  # down to the tombstone of an earlier life
    elif report.lost:
        lived(found, id)


def lived(found: SessionBundle, id: str) -> None:
    """Make sure that a conversation is the beginning of the longest one: they only ever grew."""
    said = [
        [message.content for message in bundle.session.messages]
        for bundle in (found, *RIGHT[id].values())
        if isinstance(bundle, SessionBundle) and bundle.session
    ]
    assert said[0] == max(said[1:], key=len)[: len(said[0])]
