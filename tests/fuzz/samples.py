"""Stored bytes of every kind, made by the store itself, to be damaged."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import objstore
from objstore import LlmConfigData, Message, SessionData, TextDeltaEvent
from objstore._format import encode as encoding
from objstore._format import state as state
from objstore._format import zstd as zstd
from objstore.backends import MemoryBackend
from objstore.testing.samples import artifact, artifacts, report, run_records, trace
from tests.fuzz import mutate
from tests.models.samples import ARTIFACT, REPORT, SESSION, TRACE, run
from tests.places import plain

LONG = "x" * 200
Files = dict[str, bytes]


@dataclass(frozen=True)
class Stored:
    """All that is stored of one session, as files of a log store.

    Attributes:
        commits: The keys of its commits, in their order.
    """

    id: str
    files: Files
    commits: tuple[str, ...]


def everything(backend: MemoryBackend, prefix: str = "") -> Files:
    """Read all files of a place."""
    found: Files = {}
    for entry in backend.list(prefix):
        if entry.is_directory:
            found |= everything(backend, f"{prefix}{entry.name}/")
        else:
            data = backend.get(prefix + entry.name)
            assert data is not None
            found[prefix + entry.name] = data
    return found


def lives() -> list[Stored]:
    """Make sessions with commits of all kinds: patches of every shape, leaves, objects, a fork, a prune, a delete."""
    made = []
    # So that small sessions have leaves and objects.
    with patch.object(state, "LEAF_BYTES", 3_000), patch.object(encoding, "TEXT_BYTES", 1_000):
        for id, rest in (("s", _edit), (LONG, _prune), ("deleted", _delete), ("branch", _fork)):
            backend = MemoryBackend.isolated()
            store = objstore.open(backend)
            _begin(store, "origin" if rest is _fork else id)
            rest(store, id)
            if rest is _fork:
                store.delete("origin", purge=True)
            files = everything(backend)
            commits = tuple(sorted(key for key, data in files.items() if "/log/" in key and data and id_of(data) == id))
            made.append(Stored(id, files, commits))
    return made


def id_of(commit: bytes) -> str:
    """Give the id of the session that a commit is of."""
    return str(json.loads(plain(commit))["id"])


def _begin(store: objstore.SessionStore, id: str) -> None:
    data = SessionData.new(id, name="a name")
    data.messages = [Message.user(f"message {n} " * 10) for n in range(60)]
    store.commit(
        data,
        artifacts=artifacts("a"),
        trace_events=[trace(f"t{n}") for n in range(40)],
        run_records=run_records(id),
        verification_reports=[report("r")],
        key="the key of a caller",
    )
    runs = store.load_run_records(id)
    assert runs
    more = {runs[0].snapshot.id: [TextDeltaEvent(text="more")]}
    big = Message.user("big " * 2_000)
    store.append(id, messages=[big], trace_events=[trace("next")], run_events=more, key="another")


def _edit(store: objstore.SessionStore, id: str) -> None:
    data = store.load(id)
    assert data is not None
    data.messages[3] = Message.assistant("edited")
    del data.messages[10:20]
    data.model_name, data.llm_config = "m", LlmConfigData(provider="p", model="m")
    store.save(data)
    data.model_name, data.llm_config = None, None
    store.save(data)
    found = store.load_artifacts(id)
    assert found is not None
    found.put(artifact("=", "=" * 5_000))
    store.commit(data, artifacts=found, trace_events=[], run_records=[])
    for n in range(32):  # past a snapshot that reuses leaves
        data.messages.append(Message.user(f"turn {n}"))
        store.save(data)


def _prune(store: objstore.SessionStore, id: str) -> None:
    store.prune(id, keep_last=1)
    store.append(id, messages=[Message.user("after")])


def _delete(store: objstore.SessionStore, id: str) -> None:
    store.delete(id)
    store.commit(id, trace_events=[trace("a new life")])


def _fork(store: objstore.SessionStore, id: str) -> None:
    store.fork("origin", id)
    store.append(id, messages=[Message.user("on the branch")])


def sealed(record: Any) -> bytes:
    """Write a commit with the digest that it must have, whatever is in it."""
    covered = mutate.text({key: value for key, value in record.items() if key != "self"})[:-1]
    return covered + f',"self":"{hashlib.sha256(covered).hexdigest()}"}}'.encode()


def damaged(stored: Stored, rng: random.Random) -> tuple[Files, int]:
    """Damage a commit or an object that it names, and seal it again: only what lies above it is left out.

    Returns:
        The files of the place, and the number of the commit that is the newest now.
    """
    n = rng.randrange(len(stored.commits))
    files = {key: data for key, data in stored.files.items() if key not in stored.commits[n:]}
    record = json.loads(plain(stored.files[stored.commits[n]]))
    objects = [key for key in stored.files if "/objects/" in key and key.rpartition("/")[2] in record["objects"]]
    if objects and rng.random() < 0.3:
        record = _exchanged(record, rng.choice(sorted(objects)), files, rng)
    else:
        # Mostly one member, or the members of the head would take all the damage.
        member = rng.choice(("body", "body", "body", "body", "objects", "objects", "keys", "summary", "origin", ""))
        if member in record:
            record[member] = mutate.of_json(record[member], rng)
        else:
            record = mutate.of_json(record, rng)
    if not isinstance(record, dict):
        record = {"body": record}
    files[stored.commits[n]] = sealed(record)
    return files, int(stored.commits[n].rpartition("/")[2])


def _exchanged(record: Any, key: str, files: Files, rng: random.Random) -> Any:
    """Put a damaged object in the place of one that a commit names, under the name that it has then."""
    folder, _, name = key.rpartition("/")
    raw = zstd.inflate(files[key], limit=1 << 20) if name.endswith(".zst") else files[key]
    try:
        raw = mutate.text(mutate.of_json(json.loads(raw), rng))
    except ValueError:  # a text
        raw = mutate.of_bytes(raw, rng)
    named = hashlib.sha256(raw).hexdigest() + name[64:]
    files[f"{folder}/{named}"] = zstd.compress(raw) if name.endswith(".zst") else raw
    changed = json.loads(mutate.text(record).replace(name.encode(), named.encode()))
    changed["objects"][named][1] = len(raw)
    return changed


SEED_FILES = {
    "session": SESSION,
    "artifacts": {"artifacts": [ARTIFACT]},
    "traces": [TRACE],
    "runs": [run({"type": "agent_start", "prompt": "p"}, {"type": "text_delta", "text": "t"})],
    "verification": [REPORT],
}
"""The five files of a tree, as JSON."""
