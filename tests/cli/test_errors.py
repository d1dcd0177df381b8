from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from objstore import DocumentStore, SessionData, errors
from objstore.cli._problems import Code, code_of, scrub
from tests.places import Place, make_place

from .conftest import ID, Cli, break_newest, flags_for

READERS = ("ls", "verify", "show", "log", "cat")


def words(command: str, url: str) -> list[str]:
    return [command, url] if command in ("ls", "verify") else [command, url, ID]


@pytest.mark.parametrize("command", [*READERS, "rm"])
def test_where_nothing_is_every_command_says_so(cli: Cli, place: Place, command: str) -> None:
    line = cli.fails(*words(command, place.target), code=3)
    assert line == f"objstore: there is no store at {place.target}; look at the URL, or save a session there first"


@pytest.mark.parametrize("command", READERS)
def test_a_path_that_is_a_file(here: Cli, tmp_path: Path, command: str) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    assert "a file is in the place of a directory" in here.fails(*words(command, str(file)), code=6)


@pytest.mark.parametrize("command", READERS)
def test_a_bucket_that_does_not_exist(request: pytest.FixtureRequest, command: str) -> None:
    cli = Cli(flags_for(make_place("s3", request)))
    assert "no-such-bucket" in cli.fails(*words(command, "s3://no-such-bucket/a"), code=6)


@pytest.mark.parametrize("command", ["show", "log", "cat"])
def test_a_damaged_commit(cli: Cli, url: str, place: Place, command: str) -> None:
    key = break_newest(place)
    line = cli.fails(command, url, ID, code=5)
    assert key in line
    assert "is the build green" not in line


@pytest.mark.parametrize("purge", [(), ("--purge",)], ids=["plain", "purge"])
def test_a_damaged_session_is_deleted_as_well(cli: Cli, url: str, place: Place, purge: tuple[str, ...]) -> None:
    key = break_newest(place)
    assert key in [each["key"] for each in cli("rm", url, ID, "--dry-run", "--json").json["later"]]
    assert cli("rm", url, "--yes", ID, *purge).lines == [f"deleted {ID}"]
    assert "there is no session" in cli.fails("show", url, ID, code=3)
    assert cli("verify", url, "--json").json["findings"] == []


@pytest.mark.parametrize("command", READERS)
def test_a_store_of_a_newer_format(cli: Cli, place: Place, command: str) -> None:
    place.put("objstore.json", b'{"format": 2, "layout": "log", "K": 32, "requires": []}')
    assert cli.fails(*words(command, place.target), code=5).endswith("upgrade objstore")


@pytest.mark.parametrize("command", READERS)
def test_a_directory_of_another_program(cli: Cli, place: Place, command: str) -> None:
    place.put("notes.txt", b"mine")
    told = cli.fails(*words(command, place.target), code=5)
    assert "'notes.txt'" in told
    assert place.target in told


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    directory = tmp_path / "read-only"
    directory.mkdir()
    directory.chmod(0o555)
    if os.access(directory, os.W_OK):
        directory.chmod(0o755)
        pytest.skip("permissions do not bind this user (root?), so nothing is read-only here")
    yield directory
    directory.chmod(0o755)


def test_a_read_only_directory(here: Cli, local: Place, read_only: Path) -> None:
    assert str(read_only) in here.fails("copy", local.target, str(read_only), code=6)
    assert here("check", str(read_only), code=1).lines[-1] == "not fit to hold a store"


def test_a_storage_that_does_not_answer(here: Cli) -> None:
    flags = ("--option", "key=an-access-key", "--option", "secret=a-secret-key", "--region", "us-east-1")
    line = here.fails("ls", "s3://bucket/a", "--endpoint-url", "http://127.0.0.1:1", *flags, code=6)
    assert "a-secret-key" not in line


@pytest.mark.parametrize("id", ["", "x" * 1025])
def test_an_id_that_names_no_session(here: Cli, local: Place, id: str) -> None:
    assert "id" in here.fails("show", local.target, id, code=2)


@pytest.mark.parametrize("command", ["show", "log", "cat", "repair"])
def test_a_session_that_is_not_there(cli: Cli, url: str, command: str) -> None:
    line = cli.fails(command, url, "no\nbody", code=3)
    assert line == "objstore: there is no session 'no\\nbody'; objstore ls shows what is there"


@pytest.mark.parametrize(
    "words",
    [
        ["collect", "nobody"],
        ["verify", "nobody"],
        ["du", "nobody"],
        ["rm", "--yes", "nobody"],
        ["prune", "nobody", "--keep-last", "1"],
        ["fork", "nobody", "new"],
        ["restore", "nobody", "--at", "1"],
        ["diff", "nobody", "1", "2"],
        ["cat", "nobody", "--artifact", "a3s://x"],
    ],
)
def test_nobody_is_not_found_by_any_command(here: Cli, local: Place, words: list[str]) -> None:
    command, *rest = words
    here(command, local.target, *rest, code=3)


def test_what_a_session_does_not_have(here: Cli, local: Place) -> None:
    assert "no commit 9" in here.fails("show", local.target, ID, "--at", "9", code=3)
    assert "no commit 9" in here.fails("restore", local.target, ID, "--at", "9", code=3)
    assert "has no runs" in here.fails("cat", local.target, "--part", "runs", "--", "-dash", code=3)
    assert "no artifact" in here.fails("cat", local.target, ID, "--artifact", "a3s://nothing", code=3)


@pytest.mark.parametrize(
    "words", [["show", "a/b"], ["cat", "a/b"], ["show", "a/b", "--at", "1"], ["cat", "a/b", "--at", "1"]]
)
def test_a_document_is_not_said_to_be_missing_where_a_session_is_asked_for(
    here: Cli, tmp_path: Path, words: list[str]
) -> None:
    DocumentStore(tmp_path / "documents").save("a/b", {"turns": [1]})
    command, *rest = words
    line = here.fails(command, str(tmp_path / "documents"), *rest, code=3)
    assert line == "objstore: 'a/b' is there, but holds no session; objstore log shows its commits and their parts"


def test_a_store_must_be_named(here: Cli) -> None:
    for command in (*READERS, "rm", "check"):
        assert "OBJSTORE_URL" in here.fails(command, code=2)
    for command in ("copy", "import", "export"):
        assert "SOURCE and TARGET" in here.fails(command, "one", code=2)


def test_a_url_beside_the_one_in_the_environment_is_no_id(here: Cli, local: Place) -> None:
    line = here.fails("show", local.target, ID, code=2, url="/another")
    assert line.endswith("--url or OBJSTORE_URL names the store, so leave the URL out")
    assert "unexpected argument" in here.fails("ls", local.target, code=2, url="/another")


@pytest.mark.parametrize(
    "arguments",
    [
        ("lss",),
        ("ls", "--no-such-option"),
        ("show", "somewhere"),
        ("show", "somewhere", "id", "more"),
        ("show", "somewhere", "id", "--at", "one"),
        ("show", "somewhere", "id", "--at", "0"),
        ("restore", "somewhere", "id"),
        ("ls", "somewhere", "--layout", "bush"),
        ("ls", "somewhere", "--state", "zz"),
        ("ls", "somewhere", "--state", "active"),
        ("ls", "somewhere", "--region", "eu-central-1"),
        ("ls", "somewhere", "--option", "anon=true"),
        ("ls", "foo://somewhere"),
        ("ls", "s3://"),
        ("cat", "somewhere", "id", "--part", "runs", "--artifact", "a3s://x"),
    ],
)
def test_wrong_usage_is_one_line_too(here: Cli, arguments: tuple[str, ...]) -> None:
    here.fails(*arguments, code=2)


def test_the_tree_layout_keeps_no_history(here: Cli, local: Place, tmp_path: Path) -> None:
    here("export", local.target, str(tmp_path / "tree"), "--id", ID)
    assert "history" in here.fails("log", str(tmp_path / "tree"), ID, code=2)


def test_import_and_export_want_a_tree_on_one_side(here: Cli, local: Place, tmp_path: Path) -> None:
    assert "no sessions" in here.fails("import", str(tmp_path / "nothing"), local.target, code=3)
    for words in (("import", local.target, str(tmp_path / "target")), ("export", local.target, local.target)):
        assert here.fails(*words, code=5).endswith("or use objstore copy, which wants no tree on either side")
    assert "no store" in here.fails("export", str(tmp_path / "nothing"), str(tmp_path / "target"), code=3)


def test_a_file_that_cannot_be_written(here: Cli, local: Place, tmp_path: Path) -> None:
    out = tmp_path / "no" / "directory"
    assert str(out) in here.fails("cat", local.target, ID, "--out", str(out), code=6)


@pytest.mark.parametrize(
    "url",
    ["s3://user:pa55word@bucket/a", "s3://user:pa55/word@bucket/a", "gs://user:pa55word@b/c", "az://u:pa55word@b/c"],
)
def test_a_password_in_a_url_that_takes_none_is_refused_and_not_told(here: Cli, url: str) -> None:
    for command in (*READERS, "check"):
        line = here.fails(*words(command, url) if command != "check" else ("check", url), code=2)
        assert "pa55" not in line


def test_a_password_in_an_unexpected_place_is_not_told(here: Cli, local: Place) -> None:
    line = here.fails("show", local.target, ID, "sftp://user:pa55word@host/a", code=2)
    assert "pa55" not in line
    assert "pa55" not in here.fails("ls", local.target, "--option", "pa55word", code=2)


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("see sftp://user:pass@host/a.", "see sftp://***@host/a."),
        ("sftp://user:pa/ss@host/a", "sftp://***@host/a"),
        ("sftp://user:p@ss@host/a", "sftp://***@host/a"),
        ("ftp://token@host/a", "ftp://***@host/a"),
        ("abfs://container@account.dfs.core.windows.net/a", "abfs://container@account.dfs.core.windows.net/a"),
        ("abfs://container:pass@account/a", "abfs://***@account/a"),
        ("s3://bucket/a and /a/path@x", "s3://bucket/a and /a/path@x"),
    ],
)
def test_users_and_passwords_are_taken_out_of_urls(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed


def test_every_error_of_the_library_has_the_code_that_is_documented() -> None:
    public = [kind for name, kind in vars(errors).items() if isinstance(kind, type) and not name.startswith("_")]
    made = {kind.__name__: code_of(kind("message", "key")) for kind in public}
    assert made == {
        "ObjstoreError": Code.STORAGE,
        "ConflictError": Code.CONFLICT,
        "NotFoundError": Code.NOT_FOUND,
        "InvalidIdError": Code.USAGE,
        "InvalidValueError": Code.USAGE,
        "UnsupportedError": Code.USAGE,
        "IntegrityError": Code.DAMAGED,
        "FormatError": Code.DAMAGED,
        "OutcomeUnknownError": Code.STORAGE,
        "BackendError": Code.STORAGE,
        "UnsupportedBackendError": Code.STORAGE,
        "UnavailableError": Code.STORAGE,
        "PermissionDeniedError": Code.STORAGE,
    }


def test_the_file_of_another_session_is_not_deleted(here: Cli, tmp_path: Path) -> None:
    tree = Place(str(tmp_path / "tree"), directory=tmp_path / "tree")
    with tree.open("tree") as store:
        store.save(SessionData.new("a_b"))
    # nothing is damaged: the name is taken, as where a fork goes to an id that exists
    assert "'a_b'" in here.fails("rm", tree.target, "--yes", "a/b", code=4)
    assert set(tree.files()) == {"a_b.json"}
