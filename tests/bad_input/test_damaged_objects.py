"""Objects, hints and markers that are not what was written, and frames that lie about what they hold."""

from __future__ import annotations

import hashlib
import json
import uuid

import pytest
import zstandard

from objstore import (
    ArtifactStore,
    DocumentStore,
    FormatError,
    IntegrityError,
    InvalidValueError,
    Message,
    SessionData,
)
from objstore._care import verify
from objstore.testing.samples import artifact
from tests.bad_input.damage import HARMS, TURNS, Harm, fill, flip_middle, foreign, half, harm, log_key, missing, turns
from tests.places import Place, plain

LONG = "long " * 100


@pytest.fixture
def filled() -> Place:
    place = Place(f"memory://damage/{uuid.uuid4().hex}")
    fill(place.open(), "s")
    fill(place.open(), "other")
    return place


def object_key(place: Place, id: str = "s") -> str:
    (key,) = place.files(f"sessions/{id}/objects/")
    return key


def frame_of(declared: int) -> bytes:
    """Make a frame that declares many bytes and holds one."""
    small = zstandard.ZstdCompressor().compress(b"x")
    header = zstandard.FRAME_HEADER + bytes([0b1110_0000]) + declared.to_bytes(8, "little")
    return header + small[zstandard.frame_header_size(small) :]


FRAMES = {
    "ten gigabytes": frame_of(10 * 2**30),
    "just under two to the 64": frame_of(2**64 - 3),
    "no size": zstandard.ZstdCompressor(write_content_size=False).compress(b"x" * 100),
    "two frames": zstandard.ZstdCompressor().compress(b"x" * 50) * 2,
    "an empty frame": zstandard.ZstdCompressor().compress(b""),
    "a header alone": zstandard.FRAME_HEADER,
    "a frame of other contents": zstandard.ZstdCompressor().compress(b"y" * 20_000),
    "a hundred megabytes of nothing": zstandard.ZstdCompressor().compress(bytes(100_000_000)),
}


def test_the_frames_here_are_what_they_say() -> None:
    assert zstandard.frame_content_size(FRAMES["ten gigabytes"]) == 10 * 2**30
    assert zstandard.frame_content_size(FRAMES["no size"]) == -1


@pytest.mark.parametrize("how", HARMS)
def test_a_damaged_object_is_named_and_all_else_can_be_read(filled: Place, how: Harm) -> None:
    key = object_key(filled)
    harm(filled, key, how)
    store = filled.open()
    for load in (lambda: store.load_artifacts("s"), lambda: store.load_bundle("s")):
        with pytest.raises(IntegrityError) as caught:
            load()
        assert caught.value.key == key
        assert "Load an older commit that does without it, or repair the session" in str(caught.value)
    assert turns(store.load("s")) == TURNS  # the conversation does not need it
    before = store.load_bundle("s", at=2)
    assert before is not None
    assert store.load_artifacts("other") is not None
    findings = store.verify().findings
    assert [(f.id, f.key, f.problem) for f in findings] == [("s", key, "missing" if how is missing else "damaged")]
    store.append("s", messages=[Message.user("on")])
    assert turns(filled.open().load("s")) == TURNS + 1


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
def test_a_frame_that_lies_is_refused_wherever_it_lies(filled: Place, frame: bytes) -> None:
    filled.put(object_key(filled), frame)
    filled.put(log_key("other", TURNS), frame)
    store = filled.open()
    with pytest.raises(IntegrityError):
        store.load_artifacts("s")
    with pytest.raises(IntegrityError, match=f"at={TURNS - 1}"):
        store.load("other")
    assert len(store.verify().findings) == 2


def test_objects_of_commits_that_do_not_stay_in_memory_are_looked_at(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_HELD", 0)
    store = place.open()
    for n in range(3):
        artifacts = ArtifactStore()
        artifacts.put(artifact("a", f"output {n} " * 2_000))
        store.save_artifacts("s", artifacts)
    objects = place.files("sessions/s/objects/")
    assert len(objects) == 3
    for key, data in objects.items():
        harm(place, key, flip_middle)
        assert [finding.key for finding in store.verify().findings] == [key]
        place.put(key, data)


def test_a_size_that_only_an_older_commit_names_wrongly_is_noticed(
    memory: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_HELD", 0)
    store = memory.open()
    artifacts = ArtifactStore()
    artifacts.put(artifact("a", "output " * 4_000))
    store.commit(SessionData.new("s"), artifacts=artifacts)
    for n in range(35):  # among them a snapshot, which names all objects once more
        store.append("s", messages=[Message.user(f"{n}")])
    parent = None
    for key in sorted(memory.files("sessions/s/log/")):
        record = json.loads(plain(memory.files()[key]))
        del record["self"]
        if parent is None:
            ((name, (epoch, size)),) = record["objects"].items()
            record["objects"][name] = [epoch, size + 1]
        text = json.dumps({**record, "parent": parent}, separators=(",", ":"))[:-1].encode()
        parent = hashlib.sha256(text).hexdigest()
        memory.put(key, text + f',"self":"{parent}"}}'.encode())
    assert [finding.key for finding in memory.open().verify().findings] == [f"sessions/s/objects/0/{name}"]


def test_an_object_of_another_session_in_its_place_is_noticed(filled: Place) -> None:
    data = filled.backend.get(object_key(filled, "other"))
    assert data is not None
    filled.put(object_key(filled), data)
    with pytest.raises(IntegrityError) as caught:
        filled.open().load_artifacts("s")
    assert caught.value.key == object_key(filled)


def test_a_damaged_leaf_is_named_and_older_commits_are_offered(place: Place) -> None:
    store = DocumentStore(place.target, storage_options=place.options)
    store.save("d", {"few": ["first"]})
    store.save("d", {"many": [f"{n} " * 1000 for n in range(400)]})
    key = min(place.files("sessions/d/objects/"))
    harm(place, key, flip_middle)
    cold = DocumentStore(place.target, storage_options=place.options)
    with pytest.raises(IntegrityError, match="at=1") as caught:
        cold.load("d")
    assert caught.value.key == key
    older = cold.load("d", at=1)
    assert older is not None
    assert older.parts == {"few": ["first"]}


@pytest.mark.parametrize("how", [h for h in HARMS if h is not missing])
def test_a_damaged_hint_of_a_long_id_hides_nobody(memory: Place, how: Harm) -> None:
    store = memory.open()
    for id in (LONG, LONG + "2", "short"):
        store.save(SessionData.new(id))
    for key in memory.files("index/"):
        if memory.backend.get(key):
            harm(memory, key, how)
        else:
            harm(memory, key, foreign)
    assert memory.open().list() == sorted([LONG, LONG + "2", "short"])


def test_a_long_id_that_nothing_can_tell_is_left_out_and_named_by_verify(place: Place) -> None:
    place.open().save(SessionData.new(LONG))
    (hint,) = place.files("index/")
    harm(place, hint, half)
    (commit,) = [key for key in place.files("sessions/") if "/log/" in key]
    harm(place, commit, half)
    assert place.open().list() == []
    assert {finding.key for finding in place.open().verify().findings} == {commit}
    harm(place, commit, missing)
    assert place.open().list() == []  # a hint that leads to nothing


def test_sessions_are_there_without_their_hints(place: Place) -> None:
    store = place.open()
    fill(store, "s")
    for hint in place.files("index/"):
        harm(place, hint, missing)
    assert place.open().list() == []
    assert place.open().exists("s")
    assert turns(place.open().load("s")) == TURNS
    assert place.open().verify().sessions == 1
    place.open().save(SessionData.new("s"))
    assert place.open().list() == ["s"]


@pytest.mark.parametrize("how", [h for h in HARMS if h.__name__ not in ("longer", "flip_middle", "missing")])
def test_a_damaged_marker_is_a_format_error_and_nothing_is_written(filled: Place, how: Harm) -> None:
    harm(filled, "objstore.json", how)
    before = filled.files()
    store = filled.open()
    for call in (
        lambda: store.load("s"),
        lambda: store.list(),
        lambda: store.save(SessionData.new("t")),
        lambda: store.delete("s"),
        lambda: store.verify(),
        lambda: store.health_check(),
    ):
        with pytest.raises(FormatError) as caught:
            call()
        assert caught.value.key == "objstore.json"
    assert filled.files() == before


def test_every_bit_of_a_marker_may_flip_and_no_session_is_ever_wrong(filled: Place) -> None:
    marker = filled.backend.get("objstore.json")
    assert marker is not None
    refused: list[str] = []
    for position in range(len(marker) * 8):
        byte, bit = divmod(position, 8)
        filled.put("objstore.json", marker[:byte] + bytes([marker[byte] ^ (1 << bit)]) + marker[byte + 1 :])
        try:
            session = filled.open().load("s")
        except FormatError as error:
            refused.append(error.key)
        else:
            assert turns(session) == TURNS
    assert set(refused) == {"objstore.json"}


def test_every_byte_of_a_commit_may_flip_and_no_session_is_ever_wrong(filled: Place) -> None:
    key = log_key("s", TURNS)
    commit = filled.backend.get(key)
    assert commit is not None
    store = filled.open()
    for byte in range(len(commit)):
        filled.put(key, commit[:byte] + bytes([commit[byte] ^ (1 << byte % 8)]) + commit[byte + 1 :])
        with pytest.raises(IntegrityError) as caught:
            store.exists("s")
        assert caught.value.key == key


def test_a_frame_of_the_users_own_is_data(place: Place) -> None:
    store = DocumentStore(place.target, storage_options=place.options)
    frame = zstandard.ZstdCompressor().compress(b"contents " * 10_000)
    store.save("d", {"file": frame, "bomb": FRAMES["ten gigabytes"], "empty": b""})
    found = DocumentStore(place.target, storage_options=place.options).load("d")
    assert found is not None
    assert found.parts == {"file": frame, "bomb": FRAMES["ten gigabytes"], "empty": b""}
    with pytest.raises(InvalidValueError):
        store.save("d", {"not bytes": bytearray(frame)})
