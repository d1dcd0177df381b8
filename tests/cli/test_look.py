from __future__ import annotations

from pathlib import Path

import pytest

from tests.places import Place, make_place

from .conftest import ID, Cli, break_newest, flags_for

QUESTIONS = [
    *("place", "list", "read", "write", "known", "read-after-write", "list-after-write", "create-only", "race"),
    *("delete", "gone-after-delete"),
]


def test_verify_finds_a_healthy_store_healthy(cli: Cli, url: str) -> None:
    document = cli("verify", url, "--json").json
    assert document["ok"] is True
    assert document["findings"] == []
    assert (document["sessions"], document["commits"]) == (4, 6)
    assert cli("verify", url).lines[-1].endswith("all is well")
    assert cli("verify", url, ID, "siblings-only", "--json").json["commits"] == 4


def test_verify_of_nobody_keeps_nobody_else_waiting(cli: Cli, url: str) -> None:
    result = cli("verify", url, "nobody", ID, "--json", code=3)
    assert (result.json["sessions"], result.json["missing"], result.json["ok"]) == (1, ["nobody"], True)
    assert result.err == "objstore: there is no session 'nobody'; objstore ls shows what is there\n"


def test_verify_names_what_is_damaged(cli: Cli, url: str, place: Place) -> None:
    key = break_newest(place)
    document = cli("verify", url, "--json", code=1).json
    assert document["ok"] is False
    assert [(found["id"], found["key"], found["problem"]) for found in document["findings"]] == [(ID, key, "damaged")]
    lines = cli("verify", url, ID, code=1).lines
    assert lines[0].split() == ["id", "where", "problem", "detail"]
    assert lines[1].split()[:3] == [ID, key, "damaged"]
    assert lines[2].endswith("1 finding")
    assert cli("verify", url, "--json", "--", "-dash").json["ok"] is True


def test_check_finds_a_good_place_good(cli: Cli, place: Place) -> None:
    document = cli("check", place.target, "--json").json
    assert document["ok"] is True
    assert document["backend"] in ("file", "s3")
    assert [found["name"] for found in document["findings"]] == QUESTIONS
    assert place.files() == {}


def test_check_of_a_store_leaves_it_as_it_is(cli: Cli, url: str, place: Place) -> None:
    before = place.files()
    lines = cli("check", url).lines
    assert [line.split()[:2] for line in lines[1:-1]] == [[name, "ok"] for name in QUESTIONS]
    assert lines[-1] == "fit to hold a store"
    assert place.files() == before
    cli("ls", url)


def test_check_leaves_not_even_a_directory_behind(here: Cli, tmp_path: Path) -> None:
    here("check", str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_check_says_no_to_a_bucket_that_does_not_exist(request: pytest.FixtureRequest) -> None:
    cli = Cli(flags_for(make_place("s3", request)))
    result = cli("check", "s3://no-such-bucket/a", code=1)
    assert result.lines[-1] == "not fit to hold a store"
    assert "no-such-bucket" in result.out


def test_check_says_no_where_another_program_keeps_its_files(here: Cli, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    findings = here("check", str(tmp_path), "--json", code=1).json["findings"]
    assert [found["name"] for found in findings if found["ok"] is False] == ["place"]
