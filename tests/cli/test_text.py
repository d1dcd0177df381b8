from __future__ import annotations

import datetime
import time

import pytest

from objstore.cli._text import age, counted, moment, short, shown, since, size


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain", "plain"),
        ("会话-ü-🚀", "会话-ü-🚀"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m\x7f", "\\x9b31m\\x7f"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2028\ud800", "\\u2028\\ud800"),
        ("[red]", "[red]"),
    ],
)
def test_nothing_that_acts_on_a_terminal_is_shown(text: str, safe: str) -> None:
    assert shown(text) == safe


def test_what_is_kept_stays() -> None:
    assert shown("a\n\x1b", keep="\n") == "a\n\\x1b"


def test_a_long_text_becomes_one_short_line() -> None:
    assert short("a\n b") == "a b"
    assert short("x" * 100) == "x" * 100
    assert short("x" * 101) == "x" * 99 + "…"
    assert short("x" + " " * 1000 + "y", 10) == "x…"


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (86400, "1d"), (86400 * 400, "400d")]
)
def test_ages_are_in_their_largest_unit(seconds: int, text: str) -> None:
    now = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    assert age(now - datetime.timedelta(seconds=seconds), now) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536 * 1024, "1.5 MiB"), (1 << 50, "1024.0 TiB")],
)
def test_sizes_have_units(count: int, text: str) -> None:
    assert size(count) == text


def test_one_thing_is_not_several() -> None:
    assert [counted(number, "session") for number in (0, 1, 2)] == ["0 sessions", "1 session", "2 sessions"]
    assert counted(12_345, "request") == "12,345 requests"


@pytest.mark.parametrize(
    ("text", "hours"),
    [("2026-01-31", 0), ("2026-01-31T06:00", 6), ("2026-01-31T06:00+02:00", 4), ("2h", -2), ("1w", -7 * 24)],
)
def test_a_time_without_an_offset_is_in_utc_wherever_the_machine_is(
    monkeypatch: pytest.MonkeyPatch, text: str, hours: int
) -> None:
    now = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        found = since(text, now)
    time.tzset()
    assert found == now + datetime.timedelta(hours=hours)


def test_a_time_is_one_of_utc_where_the_calendar_has_it() -> None:
    times = ["2026-01-02T03:04:05+02:00", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"]
    assert [moment(datetime.datetime.fromisoformat(time)) for time in times] == [
        "2026-01-02 01:04:05Z",
        "9999-12-31 23:59:59-23:59",
        "0001-01-01 00:00:00+23:59",
    ]
