"""Which ids a tree keeps, under which names, and whose a file is."""

from __future__ import annotations

from pathlib import Path

import pytest

from objstore import ConflictError, IntegrityError, InvalidIdError, SessionStore, VerifyReport
from tests.places import Place, make_place

from .samples import PARTS, artifacts, fill, key, load, session, text

KEPT = [
    ("a/b", "a_b.json"),
    ("a\\b", "a_b.json"),
    ("a_b", "a_b.json"),
    ("..", "_.json"),
    ("....", "__.json"),
    ("../../../etc/passwd", "______etc_passwd.json"),
    ("dots..in...name", "dots_in_.name.json"),
    ("v1.2.3", "v1.2.3.json"),
    ("x.json", "x.json.json"),
    ("träil.", "träil..json"),
    (" ", " .json"),
    ("tab\t", "tab\t.json"),
    ("CON", "CON.json"),
    ('a:b|c?*<>"', 'a:b|c?*<>".json'),
    ("$HOME", "$HOME.json"),
    ("-dash", "-dash.json"),
    (".hidden", ".hidden.json"),
    ("\u00e9", "\u00e9.json"),
    ("e\u0301", "e\u0301.json"),
    ("日本語", "日本語.json"),
    ("🚀", "🚀.json"),
    ("artifacts", "artifacts.json"),
    ("runs", "runs.json"),
    ("objstore", "objstore.json"),
    ("%2f+&#", "%2f+&#.json"),
    ("x" * 218, "x" * 218 + ".json"),
]

REFUSED = ["", ".", "a\0b", "\ud800", "x" * 219, "é" * 110]


@pytest.mark.parametrize(("id", "name"), KEPT)
def test_an_id_of_the_seed_is_kept_under_its_name(tree: SessionStore, place: Place, id: str, name: str) -> None:
    keeps(tree, place, id, name)


@pytest.mark.parametrize("where", ["local", "memory"])  # moto finds no bucket in a path with a newline
def test_an_id_with_a_newline_is_kept_under_its_name(where: str, request: pytest.FixtureRequest) -> None:
    place = make_place(where, request)
    with place.open("tree") as tree:
        keeps(tree, place, "new\nline", "new\nline.json")


def keeps(tree: SessionStore, place: Place, id: str, name: str) -> None:
    tree.commit(session(id), artifacts=artifacts(1), trace_events=[])
    assert place.names() == {name, "artifacts", "traces"}
    assert set(place.files()) == {key(part, id) for part in ("session", "artifacts", "traces")}
    assert tree.list() == [id]
    assert tree.load(id) == session(id)
    assert tree.exists(id)
    with place.open() as found:  # as what it is, by its files alone
        assert found.list() == [id]
    tree.delete(id)
    assert place.files() == {}
    assert not tree.exists(id)


@pytest.mark.parametrize("id", REFUSED)
def test_an_id_that_cannot_be_kept_is_refused_before_anything_is_written(
    local: SessionStore, directory: Path, id: str
) -> None:
    with pytest.raises(InvalidIdError):
        local.save(session(id))
    with pytest.raises(InvalidIdError):
        local.append(id, trace_events=[])
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize("id", REFUSED[:-1])
def test_an_id_that_cannot_be_kept_leads_nowhere(local: SessionStore, directory: Path, id: str) -> None:
    fill(directory, "s")
    for call in (local.load, local.load_artifacts, local.exists, local.delete):
        with pytest.raises(InvalidIdError):
            call(id)
    assert local.verify().objects == 5


@pytest.mark.parametrize("other", ["a_b", "a\\b"])
def test_of_two_ids_with_one_name_only_the_first_is_there(tree: SessionStore, place: Place, other: str) -> None:
    tree.commit(session("a/b"), trace_events=[])
    before = place.files()
    for saving in (
        lambda: tree.save(session(other)),
        lambda: tree.save_trace_events(other, []),
        lambda: tree.append(other, trace_events=[]),
        lambda: tree.delete(other),
    ):
        with pytest.raises(ConflictError, match="'a/b'") as caught:
            saving()
        assert caught.value.id == other
    for part in PARTS:
        with pytest.raises(IntegrityError) as damaged:
            load(tree, part, other)
        assert damaged.value.key == "a_b.json"
    assert not tree.exists(other)
    assert tree.summaries([other, "a/b"])[0].id == "a/b"
    assert tree.list() == ["a/b"]
    assert place.files() == before


def test_the_name_is_free_again_once_its_session_is_deleted(tree: SessionStore) -> None:
    tree.save(session("a/b"))
    tree.delete("a/b")
    tree.save(session("a_b"))
    assert tree.list() == ["a_b"]


def test_a_file_under_a_name_that_is_not_its_own_belongs_to_nobody(local: SessionStore, directory: Path) -> None:
    (directory / "moved.json").write_bytes(text("session", "s"))
    (directory / "mo_ved.json").write_bytes(text("session", "s"))
    assert local.list() == ["mo_ved", "moved"]
    for id in local.list():
        with pytest.raises(IntegrityError, match="holds the session 's'"):
            local.load(id)
        with pytest.raises(ConflictError):
            local.save(session(id))
    assert local.load("s") is None
    assert [(f.id, f.key, f.problem) for f in local.verify().findings] == [
        ("mo_ved", "mo_ved.json", "foreign"),
        ("moved", "moved.json", "foreign"),
    ]


def test_siblings_without_a_session_belong_to_any_id_of_their_name(local: SessionStore, directory: Path) -> None:
    fill(directory, "a/b", "traces")
    assert local.load_trace_events("a/b") == local.load_trace_events("a_b") != []
    assert local.list() == []
    local.delete("a_b")
    assert local.load_trace_events("a/b") is None


def test_a_listing_shows_what_begins_alike_and_nothing_that_is_no_session(local: SessionStore, directory: Path) -> None:
    for id in ("a/1", "a_2", "a3", "b"):
        fill(directory, id)
    for name in ("notes.txt", ".json", "b.json.1700000000.77.tmp"):
        (directory / name).write_bytes(b"not ours")
    (directory / "directory.json").mkdir()
    assert local.list() == ["a/1", "a3", "a_2", "b"]
    assert list(local.iter_ids("a")) == ["a3", "a/1", "a_2"]  # by the names of the files: a3, a_1, a_2
    assert list(local.iter_ids("a/")) == ["a/1"]


def test_verify_names_a_file_that_no_id_leads_to(local: SessionStore, directory: Path) -> None:
    (directory / ("x" * 230 + ".json")).write_bytes(text("session", "x" * 230))
    fill(directory, "s")
    report: VerifyReport = local.verify()
    assert (report.sessions, report.objects) == (1, 5)
    assert [(finding.problem, finding.key) for finding in report.findings] == [("foreign", "x" * 230 + ".json")]
