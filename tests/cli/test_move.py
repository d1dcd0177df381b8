from __future__ import annotations

from pathlib import Path

import objstore
from objstore import ArtifactStore, SessionData, ToolArtifact
from tests.places import Place

from .conftest import HOSTILE, ID, Cli

DATA = Path(__file__).parent.parent / "data" / "a3s-2.2.0"


def files(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*.json")}


def test_import_and_export_give_the_same_files(cli: Cli, place: Place, tmp_path: Path) -> None:
    assert cli("import", str(DATA), place.target).lines == ["10 copied, 0 unchanged, 0 failed"]
    assert cli("import", str(DATA), place.target).lines == ["0 copied, 10 unchanged, 0 failed"]
    assert cli("verify", place.target, "--json").json["sessions"] == 10
    cli("export", place.target, str(tmp_path / "out"))
    assert files(tmp_path / "out") == files(DATA)


def test_the_environment_stands_for_the_store_on_its_side(cli: Cli, place: Place, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert cli("import", str(DATA), "--id", "basic-1", "--json", url=place.target).json["copied"] == ["basic-1"]
    assert cli("export", str(out), "--json", url=place.target).json["copied"] == ["basic-1"]
    assert cli("copy", str(tmp_path / "log"), "--json", url=place.target).json["copied"] == ["basic-1"]
    assert files(out).keys() == {name for name in files(DATA) if "basic-1" in name}
    assert objstore.open(tmp_path / "log").list() == ["basic-1"]


def test_two_places_are_taken_as_they_are_given(cli: Cli, url: str, tmp_path: Path) -> None:
    assert cli("export", url, str(tmp_path / "out"), "--id", ID, "--json", url="/nowhere").json["copied"] == [ID]


def test_copy_takes_everything_along(cli: Cli, url: str, place: Place, tmp_path: Path) -> None:
    document = cli("copy", url, str(tmp_path / "log"), "--json").json
    ids = sorted([ID, "-dash", HOSTILE, "siblings-only"])
    assert (document["copied"], document["unchanged"]) == (ids, [])
    assert (document["failed"], document["warnings"], document["history"]) == ({}, {}, True)
    assert min(document["commits"], document["objects"], document["size"]) > 0
    with place.open() as source, objstore.open(tmp_path / "log") as target:
        for id in ids:
            a, b = source.load_bundle(id), target.load_bundle(id)
            assert a is not None
            assert b is not None
            assert (a.session, a.artifacts, a.trace_events) == (b.session, b.artifacts, b.trace_events)
            assert (a.run_records, a.verification_reports) == (b.run_records, b.verification_reports)
            assert source.history(id) == target.history(id)


def test_a_store_is_not_copied_into_itself(cli: Cli, url: str, place: Place) -> None:
    before = place.files()
    assert "source and target are the same place" in cli("copy", url, url, code=2).err
    assert "in sessions/" in cli("copy", url, f"{url}/sessions/copy", code=2).err
    assert place.files() == before


def test_copy_without_history_makes_one_commit_of_each_session(cli: Cli, url: str, tmp_path: Path) -> None:
    document = cli("copy", url, str(tmp_path / "log"), "--no-history", "--json").json
    assert not document["history"]
    assert len(document["copied"]) == 4
    with objstore.open(tmp_path / "log") as target:
        assert {len(target.history(id)) for id in document["copied"]} == {1}


def test_copy_makes_a_tree_where_one_is_asked_for(cli: Cli, place: Place, here: Cli, tmp_path: Path) -> None:
    here("import", str(DATA), str(tmp_path / "log"))
    cli("copy", str(tmp_path / "log"), place.target, "--layout", "tree")
    assert place.files() == files(DATA)


def test_options_of_one_side_do_not_reach_the_other(cli: Cli, place: Place, here: Cli, tmp_path: Path) -> None:
    here("import", str(DATA), str(tmp_path / "log"))
    if place.options is None:
        line = here.fails("copy", str(tmp_path / "log"), place.target, "--target-option", "key=1234", code=2)
        assert "1234" not in line
        return
    options = [f"{name}={place.options[name]}" for name in ("key", "secret", "endpoint_url")]
    flags = [word for option in options for word in ("--target-option", option)]
    assert len(here("copy", str(tmp_path / "log"), place.target, *flags, "--json").json["copied"]) == 10


def test_a_session_that_cannot_be_copied_is_named_and_stops_no_other(cli: Cli, url: str, tmp_path: Path) -> None:
    target = tmp_path / "log"
    with objstore.open(target) as store:
        store.save(SessionData.new(ID, name="another"))
    result = cli("copy", url, str(target), code=1)
    assert result.lines == ["3 copied, 0 unchanged, 1 failed"]
    assert result.err.startswith(f"objstore: {ID!r} was not copied: ConflictError: ")
    document = cli("copy", url, str(target), "--json", code=1).json
    assert list(document["failed"]) == [ID]
    assert len(document["unchanged"]) == 3


def test_export_refuses_what_a3s_code_would_drop_unless_told(here: Cli, tmp_path: Path) -> None:
    artifacts = ArtifactStore()
    for n in range(257):
        artifacts.put(
            ToolArtifact(
                artifact_id=f"{n}",
                artifact_uri=f"a3s://{n}",
                tool_name="t",
                content="c",
                original_bytes=1,
                shown_bytes=1,
            )
        )
    with objstore.open(tmp_path / "log") as store:
        store.commit(SessionData.new("many"), artifacts=artifacts)
    failed = here("export", str(tmp_path / "log"), str(tmp_path / "a"), "--json", code=1).json["failed"]
    assert "256" in failed["many"]
    result = here("export", str(tmp_path / "log"), str(tmp_path / "b"), "--lossy")
    assert result.lines == ["1 copied, 0 unchanged, 0 failed"]
    assert "many" in result.err


def test_export_warns_of_what_a3s_code_does_not_know(here: Cli, tmp_path: Path) -> None:
    with objstore.open(tmp_path / "log") as store:
        session = SessionData.new("new")
        unknown = {"role": "assistant", "content": [{"type": "hologram", "data": "x"}]}
        session.messages.append(objstore.Message.model_validate(unknown))
        store.save(session)
    result = here("export", str(tmp_path / "log"), str(tmp_path / "out"))
    (line,) = result.err.splitlines()
    assert line.startswith("objstore: warning: A3S Code will not load all of 'new' (")
    assert "hologram" in line
    again = here("export", str(tmp_path / "log"), str(tmp_path / "out"), "--json").json
    assert list(again["warnings"]) == ["new"]
