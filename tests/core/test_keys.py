from __future__ import annotations

import re
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from objstore._format import naming
from objstore._format.naming import (
    check_id,
    id_of,
    index_hint,
    is_hashed,
    is_key,
    is_object_name,
    log_key,
    object_key,
    parse_epoch,
    parse_group,
    parse_hint,
    parse_log,
    session_key,
    trash_hint,
)
from objstore.errors import InvalidIdError

DIGEST = "0123456789abcdef" * 4

# Ids that crowd together: the escape, its look-alikes, dots, cases, device names, and lengths about the limits.
NASTY = st.text(st.sampled_from("=.-aA2ef/\\_0 é\U0001f600"), min_size=1, max_size=220)
DEVICES = st.sampled_from(["con", "Con", "cON", "nul", "com1", "lpt9", "conin$", "aux", "com¹"])
IDS = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=250)
    | NASTY
    | st.tuples(DEVICES, st.sampled_from(["", ".", ".txt", "x", " "])).map("".join)
)


class TestCheckId:
    @pytest.mark.parametrize("id", ["a", ".", "..", "/", "\n", " ", "a" * 1024, "é" * 512, "\U0001f600" * 256])
    def test_gives_back_what_can_name_a_session(self, id: str) -> None:
        assert check_id(id) == id
        assert is_key(session_key(id))

    @pytest.mark.parametrize(
        ("id", "message"),
        [
            ("", "empty"),
            (b"a", "not bytes"),
            (None, "not NoneType"),
            ("a\0b", "NUL"),
            ("a\ud800", "lone surrogate"),
            ("a" * 1025, "1,024 bytes of UTF-8; this one has 1,025"),
            ("é" * 513, "1,026"),
        ],
    )
    def test_refuses_what_cannot(self, id: Any, message: str) -> None:
        for refuse in (check_id, session_key):
            with pytest.raises(InvalidIdError, match=message):
                refuse(id)


class TestSessionKey:
    @pytest.mark.parametrize(
        ("id", "key"),
        [
            ("support-42_v1.2", "support-42_v1.2"),
            ("a/b", "a=2fb"),
            ("a\\b", "a=5cb"),
            ("a_b", "a_b"),
            ("A_B", "=41_=42"),
            ("=", "=3d"),
            ("=41", "=3d41"),
            ("é", "=c3=a9"),
            ("e\u0301", "e=cc=81"),
            ("a b\n", "a=20b=0a"),
            ("\U0001f600", "=f0=9f=98=80"),
            (".", "=2e"),
            ("..", "=2e=2e"),
            ("...", "=2e.=2e"),
            (".a.b.", "=2ea.b=2e"),
            ("con", "=63on"),
            ("CON", "=43=4f=4e"),
            ("cON", "=63=4f=4e"),
            ("nul.txt", "=6eul.txt"),
            ("aux.", "=61ux=2e"),
            ("prn.a.b", "=70rn.a.b"),
            ("com0", "=63om0"),
            ("lpt9.log", "=6cpt9.log"),
            ("conin$", "=63onin=24"),
            ("conout$.x", "=63onout=24.x"),
            ("console", "console"),
            ("com", "com"),
            ("com10", "com10"),
            ("con-1", "con-1"),
            ("xcon", "xcon"),
        ],
    )
    def test_escapes_as_the_format_says(self, id: str, key: str) -> None:
        assert session_key(id) == key
        assert id_of(key) == id

    def test_keeps_180_characters_and_hashes_more(self) -> None:
        longest = "a" * 180
        assert session_key(longest) == longest
        longer = "a" * 181
        key = session_key(longer)
        assert key == "a" * 100 + "=-" + sha256(longer.encode()).hexdigest()[:32]
        assert is_hashed(key)
        assert id_of(key) is None

    @pytest.mark.parametrize(("start", "kept"), [(96, 99), (97, 100), (98, 98), (99, 99), (100, 100)])
    def test_does_not_split_an_escape_where_it_cuts(self, start: int, kept: int) -> None:
        id = "a" * start + "/" + "b" * 100
        key = session_key(id)
        head, _, digest = key.partition("=-")
        if start in (98, 99):  # the escape would reach beyond 100
            assert head == "a" * start
            assert len(head) == kept
        else:
            assert head == ("a" * start + "=2f" + "b" * 100)[:100]
        assert digest == sha256(id.encode()).hexdigest()[:32]
        assert is_hashed(key)

    @settings(deadline=None, max_examples=500)
    @given(IDS)
    @example("é" * 31)
    def test_is_a_name_that_every_disk_holds_and_leads_back(self, id: str) -> None:
        key = session_key(id)
        assert len(key) <= 180
        assert re.fullmatch(r"[a-z0-9._=-]+", key)
        assert not key.startswith(".")
        assert not key.endswith(".")
        assert not re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", key)
        assert is_key(key)
        assert id_of(key) == (None if is_hashed(key) else id)

    @settings(deadline=None, max_examples=500)
    @given(IDS, IDS)
    @example("a/b", "a=2fb")
    @example("Bob", "bob")
    @example("\u00e9", "e\u0301")
    def test_two_ids_never_share_a_key(self, a: str, b: str) -> None:
        assert (session_key(a) == session_key(b)) is (a == b)

    @settings(deadline=None)
    @given(IDS, st.integers(0, 250))
    @example("con", 2)
    @example("con.x", 3)
    @example("congo", 3)
    @example("..", 1)
    @example("é" * 150, 60)
    def test_begins_as_is_asked_for_a_listing_by_prefix(self, id: str, length: int) -> None:
        beginnings = naming.beginnings(id[:length])
        assert any(session_key(id).startswith(beginning) for beginning in beginnings)
        assert list(beginnings) == sorted(set(beginnings))
        assert len(beginnings) <= 2

    @given(IDS)
    def test_an_id_that_looks_like_a_key_has_another_key(self, id: str) -> None:
        # Above all one that looks like a hashed key: a key has "=-" where a digest follows and nowhere else.
        long = session_key(id + "x" * 181)
        assert is_hashed(long)
        assert session_key(long) != long
        assert "=-" not in session_key(long).removesuffix(
            session_key(long)[-34:] if is_hashed(session_key(long)) else ""
        )
        key = session_key(id)
        if "=" in key:
            assert session_key(key) != key


class TestForeignKeys:
    @pytest.mark.parametrize(
        "name",
        [
            "",
            "A",
            "a/b",
            "a=",
            "a=2",
            "a=2F",
            "a=61",
            "=2f\n",
            "a\n",
            ".",
            "..",
            ".a",
            "a.",
            "con",
            "con.txt",
            "=63onsole",
            "a=00",
            "=ff",
            "=ed=a0=80",
            "é",
            "a" * 181,
            "a=-" + "0" * 32,
            "a" * 97 + "=-" + "0" * 32,
            "a" * 101 + "=-" + "0" * 32,
            "a" * 100 + "=-" + "0" * 31,
            "a" * 100 + "=-" + "0" * 33,
            "a" * 100 + "=-" + "A" * 32,
            "a" * 98 + "=2=-" + "0" * 32,
        ],
    )
    def test_what_session_key_would_not_write_is_no_key(self, name: str) -> None:
        assert not is_key(name)
        assert not is_hashed(name)
        assert id_of(name) is None
        assert parse_hint(f"{name}=.0000000001") is None


class TestLayout:
    def test_keys_are_those_of_the_format(self) -> None:
        assert naming.MARKER == "objstore.json"
        assert log_key("a=2fb", 1) == "sessions/a=2fb/log/000000/0000000001"
        assert log_key("a", 999) == "sessions/a/log/000000/0000000999"
        assert log_key("a", 1000) == "sessions/a/log/000001/0000001000"
        assert log_key("a", 10**10 - 1) == "sessions/a/log/9999999/9999999999"
        assert object_key("a", 0, DIGEST) == f"sessions/a/objects/0/{DIGEST}"
        assert object_key("a", 12, f"{DIGEST}.zst") == f"sessions/a/objects/12/{DIGEST}.zst"
        assert index_hint("a", 7) == "index/a=.0000000007"
        assert trash_hint("a", 7) == "trash/a=.0000000007"

    def test_directories_are_what_the_keys_begin_with(self) -> None:
        commit, stored = log_key("a", 1_234_567), object_key("a", 3, DIGEST)
        steps = [naming.SESSIONS, naming.session_dir("a"), naming.log_root("a"), naming.log_dir("a", 1234), commit]
        steps_of_object = [naming.session_dir("a"), naming.objects_root("a"), naming.objects_dir("a", 3), stored]
        for path in (steps, steps_of_object):
            for outer, inner in pairwise(path):
                assert outer.endswith("/")
                assert inner.startswith(outer)
        assert index_hint("a", 1).startswith(naming.INDEX)
        assert trash_hint("a", 1).startswith(naming.TRASH)

    @pytest.mark.parametrize("n", [0, -1])
    def test_numbers_that_no_commit_can_have_are_refused(self, n: int) -> None:
        for make in (log_key, index_hint, trash_hint):
            with pytest.raises(ValueError, match="number"):
                make("a", n)

    @pytest.mark.parametrize(
        "name", ["", "../../x", DIGEST.upper(), DIGEST[1:], DIGEST + "0", DIGEST + ".gz", DIGEST + "\n"]
    )
    def test_names_that_are_no_objects_make_no_keys(self, name: str) -> None:
        assert not is_object_name(name)
        with pytest.raises(ValueError, match="not the name of an object"):
            object_key("a", 0, name)

    def test_object_names_are_told_by_their_form(self) -> None:
        assert is_object_name(DIGEST)
        assert is_object_name(DIGEST + ".zst")
        assert not is_object_name(None)
        assert not is_object_name([DIGEST])


class TestParsers:
    @settings(deadline=None)
    @given(st.integers(1, 10**10 - 1))
    @example(999_999)
    @example(999_999_999)
    @example(1_000_000_000)
    def test_read_the_number_of_a_commit_from_its_key(self, n: int) -> None:
        *_, directory, name = log_key("a", n).split("/")
        assert parse_log(directory, name) == n
        assert parse_group(directory) == n // 1000

    @settings(deadline=None)
    @given(IDS, st.integers(1, 10**10 - 1))
    def test_read_key_and_number_from_a_hint(self, id: str, n: int) -> None:
        key = session_key(id)
        assert parse_hint(index_hint(key, n).removeprefix(naming.INDEX)) == (key, n)
        assert parse_hint(trash_hint(key, n).removeprefix(naming.TRASH)) == (key, n)

    @pytest.mark.parametrize(
        ("directory", "name"),
        [
            ("000000", "0000000000"),
            ("000001", "0000000999"),
            ("000000", "0000001000"),
            ("00000", "0000000001"),
            ("0000000", "0000000001"),
            ("000000", "000000001"),
            ("000000", "00000000001"),
            ("000000", "0000000001.tmp"),
            ("000000", "0000000001\n"),
            ("000000\n", "0000000001"),
            ("000000", "000000000\u0661"),
            ("000000", "+000000001"),
            ("00000\u0660", "0000000001"),
            ("tmp", "0000000001"),
        ],
    )
    def test_foreign_names_in_a_log_are_no_commits(self, directory: str, name: str) -> None:
        assert parse_log(directory, name) is None

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "a",
            "a=.",
            "a=.1",
            "a=.0000000000",
            "a=.00000000001",
            "a=.0000000001.tmp",
            "=.0000000001",
            "a.0000000001",
            "a=.0000000001=.0000000001",
            "A=.0000000001",
        ],
    )
    def test_foreign_names_among_the_hints_are_no_hints(self, name: str) -> None:
        assert parse_hint(name) is None

    def test_epochs_are_plain_numbers(self) -> None:
        assert [parse_epoch(name) for name in ("0", "7", "9999999999")] == [0, 7, 9_999_999_999]
        assert [parse_epoch(name) for name in ("", "00", "01", "-1", "1.tmp", "\u0661", "1\n", "1" * 11)] == [None] * 8
