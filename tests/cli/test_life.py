from __future__ import annotations

import time
from typing import Any

import pytest

from objstore import Message, SessionData, ToolUseBlock
from tests.places import Place

from .conftest import CONTENT, HOSTILE, ID, URI, Cli, break_newest, saved

LEFT = f"sessions/{ID}/objects/0/{'ab' * 32}"


def lived(place: Place, turns: int) -> None:
    """Go on with the session for some turns."""
    session = saved(place)
    with place.open() as store:
        for turn in range(turns):
            session.messages.append(Message.user(f"turn {turn}"))
            store.save(session)


def test_diff_is_readable_and_data(cli: Cli, url: str) -> None:
    lines = cli("diff", url, ID, "1", "2").lines
    assert lines[0].split() == ["change", "where", "what"]
    assert any(line.split()[:4] == ["added", "session.messages[1]", "assistant:", "it"] for line in lines)
    assert lines[-1] == f"{len(lines) - 2} differences between commit 1 and commit 2"
    document = cli("diff", url, ID, "1", "2", "--json").json
    assert (document["id"], document["old"], document["new"]) == (ID, 1, 2)
    (artifacts,) = (each for each in document["differences"] if each["path"] == ["artifacts"])
    assert (artifacts["kind"], artifacts["old"]) == ("added", None)
    assert artifacts["new"]["artifacts"][0]["content"] == CONTENT
    assert cli("diff", url, ID, "2", "2").lines == ["nothing changed"]
    (back,) = (d for d in cli("diff", url, ID, "3", "2", "--json").json["differences"] if d["kind"] == "removed")
    assert back["path"] == ["session", "messages", 2]


@pytest.mark.parametrize(
    ("words", "code"), [(("1", "x"), 2), (("0", "1"), 2), (("1", "9" * 5000), 2), (("1",), 2), (("1", "9"), 3)]
)
def test_diff_of_what_is_no_commit(cli: Cli, url: str, words: tuple[str, ...], code: int) -> None:
    cli.fails("diff", url, ID, *words, code=code)


def test_fork_makes_a_session_of_its_own(cli: Cli, url: str, place: Place) -> None:
    assert cli("fork", url, ID, "b", "--at", "2").lines == [f"b: commit 1 holds the state of commit 2 of {ID}"]
    with place.open() as store:
        revision = store.fork(ID, "c")
        assert cli("fork", url, ID, "d", "--json").json == {
            "id": "d",
            "origin": {"id": ID, "seq": 3},
            "seq": 1,
            "digest": store.history("d")[0].digest,
        }
        assert revision.seq == 1
    cli("rm", url, ID, "--yes", "--purge")
    assert cli("cat", url, "b", "--artifact", URI).raw == CONTENT.encode()
    assert cli("log", url, "b", "--json").json["commits"][0]["origin"]["seq"] == 2
    assert cli("fork", url, "b", ID).lines == [f"{ID}: commit 5 holds the state of commit 1 of b"]


def test_fork_of_nothing_and_onto_something(cli: Cli, url: str) -> None:
    cli.fails("fork", url, "nobody", "b", code=3)
    cli.fails("fork", url, ID, "b", "--at", "9", code=3)
    cli.fails("fork", "--", url, ID, "-dash", code=4)
    assert "NEW is missing" in cli.fails("fork", url, ID, code=2)


def test_prune_lists_exactly_what_goes_and_when(cli: Cli, url: str, place: Place) -> None:
    lived(place, 3)
    before = place.files()
    planned = cli("prune", url, ID, "--keep-last", "1", "--dry-run", "--json").json
    assert place.files() == before
    assert (planned["id"], planned["floor"], planned["dry_run"]) == (ID, 7, True)
    assert [doomed["key"] for doomed in planned["later"]] == [f"sessions/{ID}/log/000000/{n:010d}" for n in range(1, 7)]
    lines = cli("prune", url, ID, "--keep-last", "1", "--dry-run").lines
    assert [line.split()[0] for line in lines[1:-1]] == [d["key"] for d in (*planned["removed"], *planned["later"])]
    assert lines[-1].endswith("0 files would be removed, 6 to go later")
    assert all("it is below the floor" in line for line in lines[1:-1])
    done = cli("prune", url, ID, "--keep-last", "1", "--json").json
    assert {**done, "dry_run": True, "later": planned["later"]} == planned
    assert [commit["seq"] for commit in cli("log", url, ID, "--json").json["commits"]] == [7]
    assert cli("prune", url, ID, "--keep-last", "1").lines == [
        f"{ID}: the history begins with commit 7; 0 files removed, 6 to go later"
    ]


def test_prune_by_age_keeps_what_is_newer(cli: Cli, url: str) -> None:
    for when in ("30d", "12h", "2020-01-31", "2020-01-31T10:00:00+02:00"):
        assert cli("prune", url, ID, "--keep-newer-than", when, "--json").json["floor"] == 1
    assert cli("prune", url, ID, "--keep-newer-than", "0s", "--dry-run", "--json").json["floor"] == 4


@pytest.mark.parametrize(
    "words", [(), ("--keep-newer-than", "soon"), ("--keep-newer-than", "2999-01-01"), ("--keep-last", "0")]
)
def test_prune_wants_to_know_what_to_keep(cli: Cli, url: str, words: tuple[str, ...]) -> None:
    cli.fails("prune", url, ID, *words, code=2)


def test_prune_of_nobody(cli: Cli, url: str) -> None:
    cli.fails("prune", url, "nobody", "--keep-last", "1", code=3)


def test_collect_lists_and_removes_left_overs(cli: Cli, url: str, place: Place) -> None:
    place.put(LEFT, b"left over")
    lines = cli("collect", url, "--dry-run").lines
    assert lines[1].startswith(f"{LEFT}  no retained commit names it  now")
    assert lines[-1] == "4 sessions, 1 file would be removed, 0 sessions skipped"
    assert LEFT in place.files()
    assert cli("collect", "--json", "--", url, "-dash").json["removed"] == []
    document = cli("collect", url, "--json").json
    assert document == {
        "sessions": 4,
        "removed": [{"key": LEFT, "why": "no retained commit names it", "after": None}],
        "skipped": {},
        "missing": [],
        "dry_run": False,
    }
    assert LEFT not in place.files()


def test_collect_of_nobody_keeps_nobody_else_waiting(cli: Cli, url: str, place: Place) -> None:
    place.put(LEFT, b"left over")
    result = cli("collect", url, "nobody", ID, "--json", code=3)
    assert (result.json["sessions"], result.json["missing"]) == (1, ["nobody"])
    assert result.err == "objstore: there is no session 'nobody'; objstore ls shows what is there\n"
    assert LEFT not in place.files()


def test_collect_takes_away_what_was_pruned_a_day_ago(
    cli: Cli, url: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("prune", url, ID, "--keep-last", "1")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 25 * 3600)
    assert cli("collect", url, ID).lines == ["1 session, 3 files removed, 0 sessions skipped"]
    assert len(place.files(f"sessions/{ID}/log/")) == 1


def test_collect_skips_what_is_damaged(cli: Cli, url: str, place: Place) -> None:
    break_newest(place)
    result = cli("collect", url, "--json", code=1)
    assert set(result.json["skipped"]) == {ID}
    assert result.err.startswith(f"objstore: '{ID}' was skipped: ")
    assert cli("collect", url, "nobody", ID, code=3).err.count("objstore: ") == 2


def interrupted(place: Place) -> None:
    session = saved(place)
    session.messages.append(Message(role="assistant", content=[ToolUseBlock(id="t1", name="bash", input={})]))
    with place.open() as store:
        store.save(session)


def test_repair_says_what_it_would_do_and_does_it(cli: Cli, url: str, place: Place) -> None:
    interrupted(place)
    before = place.files()
    assert cli("verify", url, ID, "--json", code=1).json["ailments"][0]["kind"] == "call without result"
    lines = cli("repair", url, ID, code=1).lines
    assert place.files() == before
    assert any(line.startswith("call without result  session.messages[3]") for line in lines)
    assert lines[-1].startswith("nothing was done; repeat with --apply")
    planned = cli("repair", url, ID, "--json", code=1).json
    assert (planned["needed"], planned["dry_run"], planned["seq"]) == (True, True, 4)
    done = cli("repair", url, ID, "--apply", "--json").json
    assert done == {**planned, "dry_run": False, "seq": 5}
    assert cli("repair", url, ID).lines == [f"{ID}: there is nothing to repair"]
    assert cli("verify", url, ID).lines[-1].endswith("all is well")
    (added, *_) = cli("diff", url, ID, "4", "5", "--json").json["differences"]
    assert added["path"] == ["session", "messages", 4]


def test_repair_sets_a_damaged_commit_aside(cli: Cli, url: str, place: Place) -> None:
    break_newest(place)
    lines = cli("repair", url, ID, code=1).lines
    assert any(line.startswith("damaged") and "commit 3" in line and "would be set aside" in line for line in lines)
    assert any(line.startswith(f"{ID} would go on from the state of commit 2") for line in lines)
    cli.fails("show", url, ID, code=5)
    document = cli("repair", url, ID, "--apply", "--json").json
    assert ([lost["seq"] for lost in document["lost"]], document["resumed"]) == ([3], 2)
    assert len(saved(place).messages) == 2


def test_repair_says_that_a_deleted_session_stays_deleted(cli: Cli, url: str, place: Place) -> None:
    cli("rm", url, ID, "--yes")
    break_newest(place)
    lines = cli("repair", url, ID, code=1).lines
    assert f"{ID} was deleted, and would stay so" in lines
    assert f"{ID} was deleted, and stays so" in cli("repair", url, ID, "--apply").lines
    cli.fails("show", url, ID, code=3)


def test_repair_of_nobody(cli: Cli, url: str) -> None:
    cli.fails("repair", url, "nobody", code=3)


def test_du_counts_every_byte_by_what_it_is_for(cli: Cli, url: str, place: Place) -> None:
    place.put(LEFT, b"left over")
    cli("prune", url, ID, "--keep-last", "1")
    cli("rm", url, HOSTILE, "--yes", "--purge")
    document = cli("du", url, "--json").json
    usages: dict[str, Any] = {usage["id"]: usage for usage in document["sessions"]}
    assert set(usages) == {ID, HOSTILE, "-dash", "siblings-only"}
    kinds = ("commits", "below", "stubs", "garbage")
    for id, usage in usages.items():
        amounts = [*(usage[kind] for kind in kinds), *usage["objects"].values()]
        assert usage["total"] == {key: sum(amount[key] for amount in amounts) for key in ("count", "size")}
        if id in (ID, "-dash"):
            files = place.files(f"sessions/{id}/")
            assert usage["total"] == {"count": len(files), "size": sum(map(len, files.values()))}
            assert usage["ratio"] == usage["total"]["size"] / usage["raw"]
    found = usages[ID]
    assert {kind: found[kind]["count"] for kind in kinds} == {"commits": 1, "below": 3, "stubs": 0, "garbage": 0}
    assert [amount["count"] for amount in found["objects"].values()] == [1]
    parts = ("session", "artifacts", "traces", "runs", "verification")
    whole = sum(len(cli("cat", url, ID, "--part", part).raw) for part in parts)
    assert 0.5 * whole < found["raw"] < whole  # the files of A3S Code are indented
    assert (usages[HOSTILE]["stubs"], usages[HOSTILE]["raw"]) == ({"count": 1, "size": 0}, 0)
    assert document["total"] == sum(usage["total"]["size"] for usage in usages.values())
    lines = cli("du", url, ID).lines
    assert lines[0].split()[0] == "id"
    assert lines[1].split()[0] == ID
    assert lines[2].startswith("1 session, ")


def test_du_shows_garbage_and_says_what_it_cannot_measure(cli: Cli, url: str, place: Place) -> None:
    place.put(LEFT, b"left over")
    assert cli("du", url, ID, "--json").json["sessions"][0]["garbage"] == {"count": 1, "size": 9}
    break_newest(place)
    document = cli("du", url, "--json", code=1).json
    assert (set(document["skipped"]), document["missing"]) == ({ID}, [])
    assert len(document["sessions"]) == 3


def test_du_shows_the_others_where_an_id_is_not_there(cli: Cli, url: str) -> None:
    result = cli("du", url, "nobody", ID, "no\nbody", "nobody", code=3)
    assert [line.split()[0] for line in result.lines] == ["id", ID, "1"]
    assert result.err.splitlines() == [
        "objstore: there is no session 'nobody'; objstore ls shows what is there",
        "objstore: there is no session 'no\\nbody'; objstore ls shows what is there",
    ]
    document = cli("du", url, "nobody", ID, "--json", code=3).json
    assert ([usage["id"] for usage in document["sessions"]], document["missing"]) == ([ID], ["nobody"])


def test_ls_filters(cli: Cli, url: str, place: Place) -> None:
    with place.open() as store:
        child = SessionData.new("child", name="Child")
        child.parent_id = ID
        child.updated_at = 1_000_000_000
        store.save(child)

    def ids(*words: str) -> list[str]:
        return [found["id"] for found in cli("ls", url, "--json", *words).json["sessions"]]

    assert ids("--parent", ID) == ["child"]
    assert ids("--state", "Paused") == []
    assert ids("--state", "Active", "--updated-since", "1d") == ["-dash", HOSTILE, ID]
    assert ids("--updated-since", "2001-09-09") == ["-dash", "child", HOSTILE, ID]
    first = cli("ls", url, "--parent", ID, "--limit", "1", "--json").json
    assert [found["id"] for found in first["sessions"]] == ["child"]
    assert ids("--parent", ID, "--after", first["next"]) == []
    cli.fails("ls", url, "--updated-since", "yesterday", code=2)


def test_sizes_in_ls_are_what_is_stored(cli: Cli, url: str, place: Place) -> None:
    (found,) = cli("ls", url, "--prefix", ID, "--json").json["sessions"]
    assert found["size"] == sum(map(len, place.files(f"sessions/{ID}/").values()))


def test_a_tree_has_no_history_to_work_on(here: Cli, local: Place, tmp_path: Any) -> None:
    tree = str(tmp_path / "tree")
    here("export", local.target, tree, "--id", ID)
    calls = [["fork", ID, "b"], ["diff", ID, "1", "2"], ["prune", ID, "--keep-last", "1"], ["repair", ID]]
    for command, *words in [*calls, ["collect"], ["du"]]:
        here.fails(command, tree, *words, code=2)
    (found,) = here("ls", tree, "--json").json["sessions"]
    assert found["size"] == sum(path.stat().st_size for path in (tmp_path / "tree").rglob("*.json"))
