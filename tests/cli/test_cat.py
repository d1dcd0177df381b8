"""Contents of any kind leave the store by `cat` as they were put there, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.places import Place

from .conftest import ID, URI, Cli

BINARY = bytes(range(256)) * 20_000
BINARY_URI = "a3s://screen.png"


@pytest.fixture
def url(url: str, place: Place) -> str:
    """The store, with an artifact that is no text."""
    with place.open() as store:
        store.put_artifact(ID, BINARY, uri=BINARY_URI, tool_name="browser", media_type="image/png")
    return url


def test_a_binary_artifact_comes_out_as_it_was_put(cli: Cli, url: str, tmp_path: Path) -> None:
    assert cli("cat", url, ID, "--artifact", BINARY_URI).raw == BINARY
    out = tmp_path / "screen.png"
    document = cli("cat", url, ID, "--artifact", BINARY_URI, "--out", str(out), "--json").json
    assert out.read_bytes() == BINARY
    assert (document["size"], document["out"], document["content"]) == (len(BINARY), str(out), None)


def test_bytes_do_not_fit_into_a_json_document(cli: Cli, url: str) -> None:
    assert "--out" in cli.fails("cat", url, ID, "--artifact", BINARY_URI, "--json", code=2)


def test_an_older_artifact_is_there_too(cli: Cli, url: str, place: Place) -> None:
    with place.open() as store:
        store.put_artifact(ID, b"another", uri=BINARY_URI, tool_name="browser")
    assert cli("cat", url, ID, "--artifact", BINARY_URI).raw == b"another"
    assert cli("cat", url, ID, "--artifact", BINARY_URI, "--at", "4").raw == BINARY
    assert "commit 2" in cli.fails("cat", url, ID, "--artifact", BINARY_URI, "--at", "2", code=3)


def test_damage_that_is_found_at_the_end_leaves_the_file_as_it_was(
    cli: Cli, url: str, place: Place, tmp_path: Path
) -> None:
    (key,) = (key for key, data in place.files(f"sessions/{ID}/objects/").items() if data == BINARY)
    place.put(key, BINARY[:-1] + b"x")
    out = tmp_path / "screen.png"
    out.write_bytes(b"before")
    assert key in cli.fails("cat", url, ID, "--artifact", BINARY_URI, "--out", str(out), code=5)
    assert out.read_bytes() == b"before"
    assert [*tmp_path.glob("*screen*")] == [out]


def test_a_file_keeps_its_mode_and_a_link_stays_one(cli: Cli, url: str, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"before")
    real.chmod(0o640)
    link.symlink_to(real)
    cli("cat", url, ID, "--artifact", URI, "--out", str(link))
    assert link.is_symlink()
    assert real.read_bytes() == cli("cat", url, ID, "--artifact", URI).raw
    assert real.stat().st_mode & 0o777 == 0o640
