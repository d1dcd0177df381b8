"""What objstore writes, a reader that knows only docs/format.md restores equally."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

import objstore
from objstore._care import prune
from objstore._engine.drive import Driver
from objstore._format import naming
from objstore._log import base
from objstore._seed import five_parts
from objstore.backends import open_backend
from objstore.models import _documents as documents_of
from tests.format.reader import Reader
from tests.models.samples import SESSION

K = 32
BIG = "é" * 300_000
ODD_IDS = [
    "plain",
    "a/b",
    "a_b",
    "A_B",
    ".",
    "..",
    ".hidden.",
    "CON",
    "aux.txt",
    "console",
    "new\nline",
    "\x1b[0m",
    "会话-ü-🚀",
    "=2f",
    "x" * 180,
    "x" * 181,
    "x" * 99 + "/" * 60,
    "é" * 512,
]


def key_of(id: str) -> str:
    """The key of an id, by docs/format.md, "From ids to keys"."""
    escaped = [chr(b) if chr(b) in "abcdefghijklmnopqrstuvwxyz0123456789._-" else f"={b:02x}" for b in id.encode()]
    for end in (0, -1):
        escaped[end] = escaped[end].replace(".", "=2e")
    if re.match(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)(\.|$(?!\n))", id.lower()):
        escaped[0] = f"={ord(id[0]):02x}"
    key = "".join(escaped)
    if len(key) <= 180:
        return key
    return re.sub("=[0-9a-f]?$", "", key[:100]) + "=-" + hashlib.sha256(id.encode()).hexdigest()[:32]


def read(place: Path, id: str, at: int | None = None) -> Any:
    return Reader(place, key_of(id)).state(at)


def kinds(place: Path, id: str) -> list[str]:
    return [info.kind for info in objstore.DocumentStore(place).history(id)]


def test_the_parts_of_a_session_are_those_that_the_page_names(tmp_path: Path) -> None:
    store = objstore.open(tmp_path)
    session = objstore.SessionData.model_validate(SESSION)
    store.save(session)
    store.put_artifact(session.id, b"\xff\0", tool_name="camera", media_type="image/png")
    store.save_trace_events(session.id, [])
    state = read(tmp_path, session.id)
    page = (Path(__file__).parents[2] / "docs" / "format.md").read_text()
    table = page.partition("### The parts of a session")[2].partition("\n#")[0]
    assert list(state) == re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert state["session"] == json.loads(session.model_dump_json())
    [artifact] = state["artifacts"]["artifacts"]
    assert (artifact["content"], artifact["data"], artifact["media_type"]) == ("", b"\xff\0", "image/png")
    assert (state["traces"], state["runs"], state["verification"]) == ([], None, None)


def written(place: Path, id: str, seq: int) -> dict[str, Any]:
    return Reader(place, key_of(id)).commit(seq)


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[objstore.DocumentStore]:
    with objstore.DocumentStore(tmp_path, durability="none") as store:
        yield store


@pytest.mark.parametrize("id", ODD_IDS, ids=ascii)
def test_an_id_leads_to_its_session(tmp_path: Path, documents: objstore.DocumentStore, id: str) -> None:
    documents.save(id, {"part": [1, 2.5, None]})
    assert [path.name for path in (tmp_path / "sessions").iterdir()] == [key_of(id)]
    assert read(tmp_path, id) == {"part": [1, 2.5, None]}


def test_a_session_of_the_seed_with_all_its_siblings(tmp_path: Path) -> None:
    store = objstore.open(tmp_path, durability="none")
    session = documents_of.from_document(documents_of.SESSION, {**SESSION, "id": "s"})
    artifacts = objstore.ArtifactStore()
    for number in range(3):
        artifacts.put(_artifact(number, "o" * 1000 * 10**number))
    trace = objstore.TraceEvent.tool_execution("bash", success=True, exit_code=0, duration_ms=1, output_bytes=2)
    runs = objstore.InMemoryRunStore()
    run = runs.create_run("s", "go")
    runs.record_event(run.id, objstore.AgentStartEvent(prompt="go"))
    check = objstore.VerificationCheck.required("c", "test", "it works")
    report = objstore.VerificationReport.new("subject", [check])
    store.commit(
        session,
        artifacts=artifacts,
        trace_events=[trace],
        run_records=runs.records(),
        verification_reports=[report],
    )
    store.append("s", run_events={run.id: [objstore.TurnStartEvent(turn=1)]}, trace_events=[trace])

    state = read(tmp_path, "s")
    bundle = store.load_bundle("s")
    assert bundle is not None
    assert list(state) == list(five_parts.PARTS)
    expected = [
        documents_of.to_document(documents_of.SESSION, session),
        documents_of.to_document(documents_of.ARTIFACTS, artifacts),
        documents_of.to_document(documents_of.TRACE_EVENTS, bundle.trace_events or []),
        documents_of.to_document(documents_of.RUN_RECORDS, bundle.run_records or []),
        documents_of.to_document(documents_of.VERIFICATION_REPORTS, [report]),
    ]
    assert json.dumps(list(state.values())) == json.dumps(expected)
    assert len(state["traces"]) == len(state["runs"][0]["events"]) == 2


def _artifact(number: int, content: str) -> objstore.ToolArtifact:
    return objstore.ToolArtifact(
        artifact_id=f"tool-output:bash:{number}",
        artifact_uri=f"a3s://tool-output/bash/{number}",
        tool_name="bash",
        content=content,
        original_bytes=len(content),
        shown_bytes=10,
    )


def test_every_commit_of_a_long_session_with_edits_of_every_kind(
    tmp_path: Path, documents: objstore.DocumentStore
) -> None:
    items: list[Any] = []
    states: dict[int, Any] = {}
    for step in range(2 * K + 7):
        match step % 5:
            case 0 | 1:
                items = [*items, {"n": step, "text": "t" * step * 50}]
            case 2:
                items = [*items[:1], {"new": step}, *items[1:]]
            case 3:
                items = [*items[1:], items[0]]
            case _:
                items = [items[0], {**items[1], "changed": {"at": step, "=": [step]}}, *items[3:]]
        parts = {"list": items, "object": {"b": step, "a": {"kept": 1, **({"odd": 0} if step % 2 else {})}}}
        states[documents.save("s", parts).seq or 0] = parts
    assert kinds(tmp_path, "s").count("snapshot") == 3
    for seq, state in states.items():
        assert json.dumps(read(tmp_path, "s", seq)) == json.dumps(state)  # key order too


def test_patches_of_every_form_were_among_them(tmp_path: Path, documents: objstore.DocumentStore) -> None:
    text = "something that is too long to be written twice"
    old = {
        "cut": 1,
        "sub": {"x": text, "y": 2},
        "kept": text,
        "list": [{"n": 0}, {"n": 1, "t": text}, {"n": 2, "t": text}],
    }
    new = {
        "sub": {"x": text, "y": 3},
        "kept": text,
        "list": [{"n": 1, "t": text}, {"n": 5, "t": text}, "added"],
        "put": 4,
    }
    documents.save("s", {"part": old})
    documents.save("s", {"part": new})
    assert written(tmp_path, "s", 2)["body"]["sub"]["part"].keys() == {"cut", "sub", "put"}
    pieces = written(tmp_path, "s", 2)["body"]["sub"]["part"]["sub"]["list"]["list"]
    assert [1, 1] in pieces
    assert {"add", "at", "patch"} == {member for piece in pieces if isinstance(piece, dict) for member in piece}
    assert json.dumps(read(tmp_path, "s")) == json.dumps({"part": new})


def test_thousands_of_messages_in_leaves_that_are_kept_by_the_next_snapshot(
    tmp_path: Path, documents: objstore.DocumentStore
) -> None:
    messages = [{"role": "user", "n": n, "text": "m" * 400} for n in range(5000)]
    documents.save("s", {"messages": messages})
    for step in range(K):
        messages.append({"role": "user", "n": step, "text": "later"})
        documents.save("s", {"messages": messages})
    first, second = (written(tmp_path, "s", seq) for seq in (1, 1 + K))
    assert second["kind"] == "snapshot"
    leaves = [item["=list"] for item in first["body"]["messages"] if "=list" in item]
    assert len(leaves) >= 3
    assert [item["=list"] for item in second["body"]["messages"] if "=list" in item] == leaves
    assert read(tmp_path, "s") == {"messages": messages}


def test_leaves_inside_the_items_of_a_leaf(tmp_path: Path, documents: objstore.DocumentStore) -> None:
    parts = {"runs": [{"run": n, "events": [{"e": e, "text": "z" * 3000} for e in range(300)]} for n in range(3)]}
    parts["runs"] += [{"run": n, "events": [{"e": 0, "text": "y" * 3000}]} for n in range(3, 300)]
    documents.save("s", parts)
    outer = [item["=list"] for item in written(tmp_path, "s", 1)["body"]["runs"] if "=list" in item]
    reader = Reader(tmp_path, key_of("s"))
    assert reader.state() == parts
    assert any(b'"=list"' in reader.raw(name) for name in outer)


def test_big_texts_and_raw_bytes(tmp_path: Path, documents: objstore.DocumentStore) -> None:
    frame = b"\x28\xb5\x2f\xfd and then nothing of zstd"
    parts = {"text": BIG, "deep": {"a": [BIG, {"b": BIG + "!"}]}, "raw": frame, "list": [b"", b"\x00\xff", frame]}
    documents.save("s", parts)
    documents.save("s", {"deep": {"a": [BIG, {"b": BIG + "!"}, BIG + "?"]}})
    parts["deep"]["a"].append(BIG + "?")  # type: ignore[index]
    assert read(tmp_path, "s") == parts
    names = sorted(path.name[64:] for path in (tmp_path / "sessions/s/objects/0").iterdir())
    assert names == ["", "", "", ".zst", ".zst", ".zst"]


def test_user_keys_that_look_like_ours(tmp_path: Path, documents: objstore.DocumentStore) -> None:
    look = {"=": "0" * 64 + ".zst", "=bytes": "0" * 64, "==": {"=list": "x"}, "set": 1, "add": [], "at": 0}
    documents.save("s", {"=": [look, {"=list": "x"}, {"=": "x"}], "part": {"=a": look, "b": look}})
    documents.save("s", {"=": [look, {"=list": "y"}], "part": {"b": {**look, "=bytes": "changed"}, "=a": 1}})
    expected = {"=": [look, {"=list": "y"}], "part": {"b": {**look, "=bytes": "changed"}, "=a": 1}}
    assert json.dumps(read(tmp_path, "s")) == json.dumps(expected)
    assert written(tmp_path, "s", 2)["kind"] == "patch"


def test_a_deleted_session_is_none_and_a_later_one_is_read(tmp_path: Path, documents: objstore.DocumentStore) -> None:
    documents.save("s", {"part": BIG})
    documents.delete("s", purge=True)
    assert read(tmp_path, "s") is None
    documents.save("s", {"part": [BIG]})
    documents.save("s", {"part": [BIG, 1]})
    assert read(tmp_path, "s") == {"part": [BIG, 1]}
    assert kinds(tmp_path, "s") == ["patch", "snapshot", "delete"]
    assert (tmp_path / "sessions/s/log/000000/0000000001").read_bytes() == b""
    with pytest.raises(AssertionError, match="pruned"):
        read(tmp_path, "s", 1)


def test_a_restored_state_uses_the_objects_of_older_commits(tmp_path: Path, documents: objstore.DocumentStore) -> None:
    documents.save("s", {"part": BIG})
    documents.save("s", {"part": "small"})
    for _ in range(K):
        documents.append("s", {"list": [1]})
    documents.restore("s", 1)
    assert read(tmp_path, "s")["part"] == BIG
    assert len(list((tmp_path / "sessions/s/objects/0").iterdir())) == 1


def test_a_text_of_up_to_a_kibibyte_is_stored_as_it_is_and_a_longer_one_as_a_frame(
    tmp_path: Path, documents: objstore.DocumentStore
) -> None:
    lengths = []
    for number in range(100):
        documents.save(f"d{number}", {"part": "x" * (number * 8)})
        stored = (tmp_path / f"sessions/d{number}/log/000000/0000000001").read_bytes()
        lengths.append(documents.history(f"d{number}")[0].size)
        is_frame = stored.startswith(b"\x28\xb5\x2f\xfd")
        text = zstandard.ZstdDecompressor().decompress(stored) if is_frame else stored
        assert is_frame == (len(text) > 1024)
        assert lengths[-1] == len(stored)
    assert 1010 < max(lengths) <= 1024  # both sides of the limit were met


def test_a_fork_holds_all_that_its_state_needs(tmp_path: Path, documents: objstore.DocumentStore) -> None:
    documents.save("s", {"part": BIG, "raw": b"x" * 100})
    for step in range(5):
        documents.append("s", {"list": [BIG + str(step)]})
    revision = documents.fork("s", "t", at=4)
    origin = documents.history("s")[-4]
    documents.delete("s", purge=True)
    expected = {"part": BIG, "raw": b"x" * 100, "list": [BIG + str(step) for step in range(3)]}
    assert read(tmp_path, "t") == expected
    commit = written(tmp_path, "t", 1)
    assert (commit["kind"], commit["self"]) == ("snapshot", revision.digest)
    assert commit["origin"] == {"id": "s", "seq": 4, "self": origin.digest}


def test_a_pruned_session(tmp_path: Path, documents: objstore.DocumentStore) -> None:
    for step in range(K + 3):
        documents.save("s", {"part": [BIG + str(step // 8)], "n": step})
    rules = base.Rules()
    driver = Driver(open_backend(tmp_path), None)
    driver.run(prune.prune(rules, "s", lambda chain: chain[0].seq, lambda *_: {}))
    documents.save("s", {"n": "after"})
    assert kinds(tmp_path, "s")[:2] == ["patch", "prune"]
    assert read(tmp_path, "s") == {"part": [BIG + "4"], "n": "after"}
    assert read(tmp_path, "s", K + 1) == {"part": [BIG + "4"], "n": K}
    with pytest.raises(AssertionError, match="pruned"):
        read(tmp_path, "s", K)


def test_a_session_whose_damaged_commits_were_set_aside(tmp_path: Path) -> None:
    store = objstore.open(tmp_path, durability="none")
    session = objstore.SessionData.new("s")
    for turn in range(3):
        session.messages.append(objstore.Message.user(f"turn {turn}"))
        store.save(session)
    (tmp_path / naming.log_key("s", 3)).write_bytes(b"torn")
    objstore.open(tmp_path, durability="none").repair("s", dry_run=False)
    mended = written(tmp_path, "s", 4)
    assert (mended["kind"], mended["floor"], mended["epoch"]) == ("prune", 4, 4)
    assert mended["parent"] == written(tmp_path, "s", 2)["self"]
    assert mended["over"] == hashlib.sha256(b"torn").hexdigest()
    assert [message["content"][0]["text"] for message in read(tmp_path, "s")["session"]["messages"]] == [
        "turn 0",
        "turn 1",
    ]


def test_appends_of_two_writers_with_keys(tmp_path: Path, documents: objstore.DocumentStore) -> None:
    with objstore.DocumentStore(tmp_path, durability="none") as other:
        for number in range(20):
            (documents if number % 2 else other).append("s", {"list": [number]}, key=f"k{number}")
    assert read(tmp_path, "s") == {"list": list(range(20))}
    keys = written(tmp_path, "s", 20)["keys"]
    assert [entry[:2] for entry in keys] == [[f"k{n}", n + 1] for n in range(20)]
    assert len(keys[-1]) == 2
    assert [entry[2] for entry in keys[:-1]] == [written(tmp_path, "s", n)["self"] for n in range(1, 20)]


@pytest.mark.parametrize("position", [0, 200, -80, -40, -1])
def test_a_flipped_bit_is_noticed(tmp_path: Path, documents: objstore.DocumentStore, position: int) -> None:
    documents.save("s", {"part": "x" * 400})
    path = tmp_path / naming.log_key("s", 1)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        read(tmp_path, "s")


def test_numbers_alone_are_no_chain(tmp_path: Path, documents: objstore.DocumentStore) -> None:
    documents.save("s", {"n": 1})
    documents.save("s", {"n": 2})
    documents.save("s", {"n": 3})
    with objstore.DocumentStore(tmp_path / "other", durability="none") as other:
        other.save("s", {"n": 1})
        other.save("s", {"n": 2})
    foreign = (tmp_path / "other" / naming.log_key("s", 2)).read_bytes()
    (tmp_path / naming.log_key("s", 2)).write_bytes(foreign)
    with pytest.raises(AssertionError, match="not on the chain"):
        read(tmp_path, "s")


def test_the_reader_knows_nothing_of_objstore() -> None:
    source = Path(__file__).with_name("reader.py").read_text()
    assert re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE) == [
        "__future__", "hashlib", "json", "re", "pathlib", "typing", "zstandard",
    ]  # fmt: skip
