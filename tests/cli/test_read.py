from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from objstore.cli._text import size
from objstore.models import _documents as documents
from tests.bad_input.test_sealed_nonsense import sealed, text
from tests.places import Place

from .conftest import CONTENT, HOSTILE, ID, URI, Cli, break_newest, saved


def test_ls_lists_sessions_sorted_and_no_siblings_alone(cli: Cli, url: str) -> None:
    lines = cli("ls", url).lines
    assert lines[0].split() == ["id", "name", "state", "saved", "turns", "messages", "cost", "size"]
    assert [line.split("  ")[0] for line in lines[1:]] == ["-dash", "odd\\n\\x1b[31m[red]\\u202eid", ID]
    assert lines[3].split()[1:3] == ["Support", "Active"]
    assert lines[3].split()[4:7] == ["2", "3", "0.0000"]


def test_ls_as_json_has_the_whole_summary(cli: Cli, url: str, place: Place) -> None:
    document = cli("ls", url, "--json").json
    with place.open() as store:
        (summary,) = store.iter_summaries([ID], sizes=True)
    assert [found["id"] for found in document["sessions"]] == ["-dash", HOSTILE, ID]
    names = {field.name for field in dataclasses.fields(summary)} - {"problem"}
    assert document["sessions"][2] == {
        **{name: getattr(summary, name) for name in names},
        "saved_at": summary.saved_at.isoformat(),
        "created_at": summary.created_at.isoformat(),
        "updated_at": summary.updated_at.isoformat(),
    }
    assert (document["problems"], document["next"]) == ([], None)


def test_ls_gives_pages(cli: Cli, url: str) -> None:
    first = cli("ls", url, "--limit", "2", "--json").json
    assert [found["id"] for found in first["sessions"]] == ["-dash", HOSTILE]
    assert first["next"] == HOSTILE
    second = cli("ls", url, "--limit", "2", "--after", first["next"], "--json").json
    assert [found["id"] for found in second["sessions"]] == [ID]
    assert second["next"] is None
    last = cli("ls", url, "--limit", "2").lines[-1]
    assert last.startswith("there are more; the next page: --limit 2 --after 'odd\\n")


def test_ls_takes_a_prefix(cli: Cli, url: str) -> None:
    assert [found["id"] for found in cli("ls", url, "--prefix", "supp", "--json").json["sessions"]] == [ID]
    assert cli("ls", url, "--prefix", "nothing", "--json").json["sessions"] == []


def test_ls_shows_the_others_beside_a_damaged_session(cli: Cli, url: str, place: Place) -> None:
    break_newest(place)
    result = cli("ls", url, code=1)
    assert [line.split()[-1] for line in result.lines if line.startswith(ID)] == ["damaged"]
    assert len(result.lines) == 4
    document = cli("ls", url, "--json", code=1).json
    assert [found["id"] for found in document["sessions"]] == ["-dash", HOSTILE]
    assert [problem["id"] for problem in document["problems"]] == [ID]


def test_show_tells_what_a_session_is(cli: Cli, url: str, place: Place) -> None:
    session = saved(place)
    document = cli("show", url, ID, "--json").json
    assert document["id"] == ID
    assert document["seq"] == 3
    assert session.revision is not None
    assert document["digest"] == session.revision.digest
    counts = {name: document[name] for name in ("messages", "turns", "artifacts", "traces", "runs", "verification")}
    assert counts == {"messages": 3, "turns": 2, "artifacts": 1, "traces": 1, "runs": 1, "verification": 1}
    lines = cli("show", url, ID).lines
    assert [line.split()[0] for line in lines] == [name.split("_")[0] for name in document]
    assert "workspace     /srv" in lines


def test_show_goes_back_in_time(cli: Cli, url: str) -> None:
    document = cli("show", url, ID, "--at", "1", "--json").json
    assert (document["seq"], document["messages"], document["artifacts"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("part", "row"),
    [
        ("session", {"index": 1, "role": "assistant", "text": "it is not"}),
        ("artifacts", {"uri": URI, "tool": "bash", "original_bytes": len(CONTENT), "shown_bytes": 80}),
        ("traces", {"index": 0, "kind": "tool_execution", "name": "bash", "success": True}),
        ("runs", {"events": 1, "prompt": "is the build green?"}),
        ("verification", {"index": 0, "subject": "make test", "checks": 1}),
    ],
)
def test_show_lists_the_rows_of_each_part(cli: Cli, url: str, part: str, row: dict[str, object]) -> None:
    document = cli("show", url, ID, "--part", part, "--json").json
    assert (document["id"], document["part"]) == (ID, part)
    assert any(row.items() <= found.items() for found in document["rows"])
    lines = cli("show", url, ID, "--part", part).lines
    assert lines[0].split() == list(document["rows"][0])
    assert len(lines) == 1 + len(document["rows"])


def test_log_is_the_history_newest_first(cli: Cli, url: str, place: Place) -> None:
    with place.open() as store:
        history = store.history(ID)
    commits = cli("log", url, ID, "--json").json["commits"]
    assert [(c["seq"], c["digest"], c["time"], c["parts"], c["size"]) for c in commits] == [
        (c.seq, c.digest, c.time.isoformat(), list(c.parts), c.size) for c in history
    ]
    assert [commit["seq"] for commit in commits] == [3, 2, 1]
    lines = cli("log", url, ID).lines
    assert [line.split()[0] for line in lines] == ["seq", "3", "2", "1"]
    assert [commit["seq"] for commit in cli("log", url, ID, "--limit", "2", "--json").json["commits"]] == [3, 2]


@pytest.mark.parametrize("part", ["session", "artifacts", "traces", "runs", "verification"])
def test_cat_prints_the_very_file_of_a3s_code(cli: Cli, url: str, place: Place, part: str, tmp_path: Path) -> None:
    cli("export", url, str(tmp_path / "tree"), "--id", ID)
    names = {"session": f"{ID}.json", "artifacts": f"artifacts/{ID}/artifacts.json"}
    file = tmp_path / "tree" / names.get(part, f"{part}/{ID}.json")
    assert cli("cat", url, ID, "--part", part).raw == file.read_bytes()


def test_the_summary_of_a_commit_is_that_of_ls(cli: Cli, url: str) -> None:
    summary = cli("log", url, ID, "--json").json["commits"][0]["summary"]
    listed = next(found for found in cli("ls", url, "--json").json["sessions"] if found["id"] == ID)
    assert summary == {**{name: listed[name] for name in summary if name != "writer"}, "writer": summary["writer"]}
    assert {"created_at", "updated_at"} <= summary.keys()


def test_cat_without_a_part_is_the_session(cli: Cli, url: str, place: Place) -> None:
    assert json.loads(cli("cat", url, ID).raw) == documents.to_document(documents.SESSION, saved(place))
    assert len(json.loads(cli("cat", url, ID, "--at", "1").raw)["messages"]) == 1


def test_cat_gives_the_contents_of_an_artifact(cli: Cli, url: str) -> None:
    assert cli("cat", url, ID, "--artifact", URI).raw == CONTENT.encode()
    document = cli("cat", url, ID, "--artifact", URI, "--json").json
    assert document == {
        "id": ID,
        "part": "artifacts",
        "artifact": URI,
        "at": None,
        "size": len(CONTENT),
        "out": None,
        "content": CONTENT,
    }


def test_cat_writes_into_a_file(cli: Cli, url: str, tmp_path: Path) -> None:
    out = tmp_path / "session.json"
    assert cli("cat", url, ID, "--out", str(out)).lines == [f"{size(out.stat().st_size)} written to {out}"]
    assert out.read_bytes() == cli("cat", url, ID).raw
    document = cli("cat", url, ID, "--out", str(out), "--json").json
    assert (document["out"], document["content"]) == (str(out), None)


def test_an_id_that_begins_with_a_dash_goes_behind_two_dashes(cli: Cli, url: str) -> None:
    assert json.loads(cli("cat", "--", url, "-dash").raw)["id"] == "-dash"
    assert cli("show", url, "--json", "--", "-dash").json["id"] == "-dash"


def test_the_environment_names_the_store_and_url_overrides_it(cli: Cli, url: str) -> None:
    assert cli("show", ID, "--json", url=url).json["id"] == ID
    assert len(cli("ls", "--json", url=url).json["sessions"]) == 3
    assert cli("show", ID, "--json", "--url", url, url="/nowhere/at/all").json["id"] == ID


def test_what_is_too_deep_for_a3s_code_can_be_read_all_the_same(here: Cli, local: Place) -> None:
    session = saved(local)
    deep: list[object] = []
    for _ in range(150):
        deep = [deep]
    extra: Any = session.__pydantic_extra__
    extra["deep"] = deep
    with local.open() as store:
        store.save(session)
    assert json.loads(here("cat", local.target, ID).raw)["deep"] == deep


def test_the_tree_layout_is_read_as_well(cli: Cli, url: str, here: Cli, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    cli("export", url, str(tree), "--id", ID)
    (found,) = here("ls", str(tree), "--json").json["sessions"]
    assert (found["id"], found["seq"], found["messages"]) == (ID, None, 3)
    document = here("show", str(tree), ID, "--json").json
    assert (document["seq"], document["messages"], document["traces"]) == (None, 3, 1)
    (tree / "notes.txt").write_text("another program's")
    here.fails("ls", str(tree), code=5)
    assert here("ls", str(tree), "--layout", "tree", "--json").json["sessions"] == [found]


def test_log_shows_costs_of_any_size(cli: Cli, url: str, place: Place) -> None:
    newest = max(place.files(f"sessions/{ID}/log/"))
    record = json.loads(text(place.files()[newest]))
    for cost in (10**600, -(10**600), 1e308, True):
        place.put(newest, sealed({**record, "summary": {**record["summary"], "cost": cost}}))
        assert cli("log", url, ID).lines[1].split()[0] == str(record["seq"])
