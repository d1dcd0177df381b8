from __future__ import annotations

import pytest

from tests.places import Place, plain

from .conftest import HOSTILE, ID, Cli, saved

RAN = {"purge": False, "dry_run": False, "removed": [], "later": []}


def test_rm_deletes_sessions_and_siblings(cli: Cli, url: str, place: Place) -> None:
    assert cli("rm", url, ID, "siblings-only", "--yes").lines == [f"deleted {ID}", "deleted siblings-only"]
    with place.open() as store:
        assert store.list() == ["-dash", HOSTILE]
        assert store.load_bundle("siblings-only") is None


def test_rm_as_json(cli: Cli, url: str) -> None:
    result = cli("rm", url, ID, "nobody", ID, "--yes", "--json", code=3)
    assert result.json == {"deleted": [ID], "missing": ["nobody"], **RAN}
    assert result.err == "objstore: there is no session 'nobody'; objstore ls shows what is there\n"


def test_a_dry_run_removes_nothing(cli: Cli, url: str, place: Place) -> None:
    before = place.files()
    assert cli("rm", url, ID, "--dry-run").lines[-1:] == [f"would delete {ID}"]
    assert cli("rm", url, ID, "--dry-run", "--purge", "--json").json["dry_run"] is True
    assert place.files() == before


@pytest.mark.parametrize("as_json", [False, True])
def test_rm_names_what_it_deleted_before_it_failed(here: Cli, local: Place, as_json: bool) -> None:
    for key, data in local.files("sessions/-dash/").items():  # the log of another session, where an operator put it
        local.put(key.replace("/-dash/", "/moved/"), data)
    flags = ["--json"] if as_json else []
    result = here("rm", local.target, ID, "moved", "--yes", *flags, "--", "-dash", code=5)
    assert "another session, and was not deleted" in result.err
    assert (result.json["deleted"] == [ID]) if as_json else (result.lines == [f"deleted {ID}"])
    with local.open() as store:
        assert store.list() == ["-dash", HOSTILE]


def test_rm_without_a_yes_and_a_terminal_removes_nothing(cli: Cli, url: str, place: Place) -> None:
    before = place.files()
    assert "--yes" in cli.fails("rm", url, ID, code=2)
    assert place.files() == before


def test_purge_erases_the_contents_of_the_history(cli: Cli, url: str, place: Place) -> None:
    def stored() -> bytes:
        files = place.files(f"sessions/{ID}/").values()
        return b"".join(map(plain, files))

    assert b"it is not" in stored()
    cli("rm", url, ID, "--yes", "--purge")
    assert b"it is not" not in stored()


def test_rm_takes_an_id_that_begins_with_a_dash(cli: Cli, url: str) -> None:
    assert cli("rm", "--yes", url, "--", "-dash").lines == ["deleted -dash"]


def test_restore_puts_an_older_state_on_top(cli: Cli, url: str, place: Place) -> None:
    assert cli("restore", url, ID, "--at", "1").lines == [f"{ID}: commit 4 holds the state of commit 1"]
    session = saved(place)
    assert len(session.messages) == 1
    document = cli("restore", url, ID, "--at", "3", "--json").json
    session = saved(place)
    assert session.revision is not None
    assert document == {"id": ID, "at": 3, "seq": 5, "digest": session.revision.digest}
    assert len(session.messages) == 3


@pytest.mark.parametrize("purge", [False, True])
def test_a_dry_run_of_rm_names_what_goes_at_once_and_what_later(cli: Cli, url: str, place: Place, purge: bool) -> None:
    flags = ("--purge",) if purge else ()
    with place.open() as store:
        store.put_artifact(ID, b"contents", tool_name="t")
    before = place.files()
    planned = cli("rm", url, ID, "--dry-run", "--json", *flags).json
    assert place.files() == before
    listing = cli("rm", url, ID, "--dry-run", *flags).lines
    assert len(listing) == 2 + len(planned["removed"]) + len(planned["later"])
    assert cli("rm", url, ID, "--yes", "--json", *flags).json["removed"] == []
    after = place.files()
    gone = {key for key, data in before.items() if after.get(key) != data and not (data == b"" and key in after)}
    assert gone == {each["key"] for each in planned["removed"]}
    assert all(each["after"] is None for each in planned["removed"])
    below = {key for key in before if key.startswith(f"sessions/{ID}/log/")}
    assert below == {each["key"] for each in planned["later"]}
    assert all(each["after"] for each in planned["later"])
