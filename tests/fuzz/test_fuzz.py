"""Damaged bytes and odd documents: every parser says so in its own words, or reads them."""

from __future__ import annotations

import contextlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest

import objstore
from objstore import Message, ObjstoreError, SessionData
from objstore._format import zstd as zstd
from objstore.backends import MemoryBackend
from objstore.testing.samples import trace
from tests.fuzz import mutate, samples
from tests.fuzz.samples import Stored
from tests.fuzz.targets import NAME, TARGETS
from tests.places import plain

SECONDS = float(os.environ.get("OBJSTORE_FUZZ_SECONDS", "600"))
"""How long all of the long forms take together."""

ROUNDS = 2_000
LONG = [pytest.param(False, id="short"), pytest.param(True, id="long", marks=pytest.mark.deep)]


def seeds(rounds: int, long: bool, share: float) -> Iterator[int]:
    """Count seeds: the same few in a short run, and what there is time for in a long one."""
    end = time.monotonic() + SECONDS * share
    seed = 0
    while time.monotonic() < end if long else seed < rounds:
        yield seed
        seed += 1


@cache
def lives() -> list[Stored]:
    return samples.lives()


@cache
def corpus(target: str) -> list[bytes]:
    """Give bytes that a parser would read."""
    commits = [plain(each.files[key]) for each in lives() for key in each.commits]
    records = [json.loads(each) for each in commits]
    bodies = [mutate.text(record["body"]) for record in records]
    match target:
        case "commit" | "id_in":
            return commits + [each.files[key] for each in lives() for key in each.commits]
        case "sealed_commit":
            return [each[:-75] for each in commits]
        case "frame":
            return [data for each in lives() for data in each.files.values() if zstd.is_frame(data)]
        case "state":
            return [body for body, record in zip(bodies, records, strict=True) if record["kind"] == "snapshot"]
        case "patch" | "raw_patch":
            return [body for body, record in zip(bodies, records, strict=True) if record["kind"] == "patch"]
        case "leaf":
            return [mutate.text(value) for value in ([1], [{"=list": NAME}, 2], [{"=": "f" * 64}, {"==": 1}])]
        case "names":
            return [part.encode() for each in lives() for key in each.files for part in key.split("/")]
        case "marker":
            return [each.files["objstore.json"] for each in lives()]
        case "json":
            return bodies + [mutate.text(value) for value in mutate.ODD]
    return [mutate.text(samples.SEED_FILES[target.removeprefix("wire_")])]


def drawn(target: str, rng: random.Random) -> bytes:
    """Draw an input: bytes damaged blindly, or where they are JSON by their structure."""
    data = rng.choice(corpus(target))
    if rng.random() < 0.5:
        with contextlib.suppress(ValueError):
            data = mutate.text(mutate.of_json(json.loads(data), rng))
            return data if rng.random() < 0.8 else mutate.of_bytes(data, rng)
    return mutate.of_bytes(data, rng)


@pytest.mark.parametrize("long", LONG)
@pytest.mark.parametrize("target", TARGETS)
def test_a_parser_lets_out_nothing_but_what_it_documents(target: str, long: bool) -> None:
    for seed in seeds(ROUNDS, long, 0.5 / len(TARGETS)):
        data = drawn(target, random.Random(seed))
        try:
            TARGETS[target](data)
        except BaseException as error:
            error.add_note(f"seed {seed} of {target}")
            raise


def calls(id: str, n: int) -> dict[str, Callable[[objstore.SessionStore], Any]]:
    """Give everything that can be asked of a store and done to it, reads first."""
    return {
        "load": lambda store: store.load(id),
        "load at": lambda store: store.load(id, at=n),
        "load below": lambda store: store.load_bundle(id, at=max(1, n - 1)),
        "bundle": lambda store: store.load_bundle(id),
        "artifact": lambda store: store.artifact(id, "a3s://tool-output/bash/a"),
        "exists": lambda store: store.exists(id),
        "list": lambda store: (store.list(), list(store.iter_summaries())),
        "history": lambda store: store.history(id),
        "summaries": lambda store: store.summaries([id]),
        "verify": lambda store: store.verify(),
        "diff": lambda store: store.diff(id, 1, n),
        "du": lambda store: store.du(),
        "prune dry": lambda store: store.prune(id, keep_last=1, dry_run=True),
        "collect dry": lambda store: store.collect(dry_run=True),
        "repair dry": lambda store: store.repair(id),
        "append": lambda store: store.append(id, trace_events=[trace("new")]),
        "append key": lambda store: store.append(id, messages=[Message.user("new")], key="another"),
        "save": lambda store: store.save(SessionData.new(id)),
        "restore": lambda store: store.restore(id, n),
        "fork": lambda store: store.fork(id, "a fork"),
        "prune": lambda store: store.prune(id, keep_last=1),
        "repair": lambda store: store.repair(id, dry_run=False),
        "collect": lambda store: store.collect(),
        "delete": lambda store: store.delete(id, purge=True),
    }


def everything_can_be_asked(files: samples.Files, id: str, n: int) -> None:
    backend = MemoryBackend.isolated()
    for key, data in files.items():
        backend.put(key, data)
    for name, call in calls(id, n).items():
        try:
            call(objstore.open(backend))
        except ObjstoreError:
            pass
        except BaseException as error:
            error.add_note(f"by {name}, commit {n} of {id[:20]!r}")
            raise


@pytest.mark.parametrize("long", LONG)
def test_a_store_with_a_commit_that_is_whole_and_wrong_raises_only_our_errors(long: bool) -> None:
    for seed in seeds(150, long, 0.4):
        rng = random.Random(seed)
        stored = rng.choice(lives())
        files, n = samples.damaged(stored, rng)
        try:
            everything_can_be_asked(files, stored.id, n)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


@pytest.mark.parametrize("long", LONG)
def test_a_store_with_foreign_names_and_damaged_files_raises_only_our_errors(long: bool) -> None:
    for seed in seeds(100, long, 0.1):
        rng = random.Random(seed)
        stored = rng.choice(lives())
        files = dict(stored.files)
        for _ in range(rng.randrange(1, 4)):
            key = rng.choice(sorted(files))
            folder, _, name = key.rpartition("/")
            other = "".join(c for c in mutate.of_bytes(name.encode(), rng).decode(errors="ignore") if c not in "/\0")
            match rng.randrange(3):
                case 0:
                    files[key] = mutate.of_bytes(files[key], rng)
                case 1 if other.strip("."):
                    files[f"{folder}/{other[:200]}".lstrip("/")] = files[key]
                case _:
                    files[key] = files[rng.choice(sorted(files))]
        try:
            everything_can_be_asked(files, stored.id, rng.randrange(1, 40))
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def test_the_samples_are_whole_and_of_every_kind() -> None:
    """The fuzzers are not stopped at the door: what they start from is read, and reaches every branch of the format."""
    records = [json.loads(plain(each.files[key])) for each in lives() for key in each.commits]
    assert {record["kind"] for record in records} == {"snapshot", "patch", "prune", "delete"}
    assert any("origin" in record for record in records)
    text = json.dumps(records)
    assert [mark for mark in ("=", "=list", "cut", "sub", "put", "list", "add", "at") if f'"{mark}"' not in text] == []
    for each in lives():
        backend = MemoryBackend.isolated()
        for key, data in each.files.items():
            backend.put(key, data)
        assert objstore.open(backend).verify().ok
        newest = plain(each.files[each.commits[-1]])
        assert samples.sealed(json.loads(newest)) == newest  # a seal is what the store writes
