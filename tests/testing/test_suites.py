"""The suites that users inherit find a backend that breaks a promise, and pass one that keeps them."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

FOUND_BY = {
    "TestIgnoresCreateOnly": "test_a_second_create_is_refused_and_changes_nothing",
    "TestLooksThenWrites": "test_of_racing_creates_exactly_one_wins",
    "TestWritesInPieces": "test_readers_of_a_changing_key_see_old_or_new",
    "TestCreatesInPieces": "test_readers_of_a_new_key_see_all_of_it_or_nothing",
    "TestKnowsOnlyItsOwnWrites": "test_a_pickled_backend_is_the_same_place",
    "TestListsOnePage": "test_list_names_everything_once",
    "TestListsADirectoryForEachObject": "test_list_names_each_directory_once",
    "TestSortsByLetters": "test_pages_are_sorted_by_code_points",
    "TestForgetsCapitals": "test_any_key_of_a_store_is_a_name[Traces",
    "TestDeletesOneBatch": "test_delete_removes_those_that_are_there",
    "TestListsFromACache": "test_what_was_written_is_listed_at_once",
    "TestLosesBytes": "test_bytes_come_back_as_they_were",
    "TestKeepsWhatWasDeleted": "test_delete_removes_those_that_are_there",
    "TestStoreOnIgnoresCreateOnly": "",
    "TestStoreOnListsFromACache": "",
    "TestStoreOnLosesTheEnd": "",
}
"""Class in `bad_backends.py` -> the test that finds it, where one is meant to."""


@pytest.fixture(scope="module")
def summary() -> list[str]:
    """Run them all, as one who wants to see everything does, and give what pytest says of each test in the end."""
    file = Path(__file__).with_name("bad_backends.py")
    command = [sys.executable, "-m", "pytest", str(file), "-q", "-vvv", "-rA", "--tb=no", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stdout[-2000:] + ended.stderr
    return [line for line in ended.stdout.splitlines() if line.startswith(("PASSED", "FAILED", "ERROR"))]


@pytest.fixture(scope="module")
def outcomes(summary: list[str]) -> dict[str, dict[str, list[str]]]:
    """Class -> outcome -> names of tests."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in summary:
        outcome, _, rest = line.partition(" ")
        _, kind, test = rest.split(" - ")[0].split("::", 2)
        found[kind][outcome].append(test)
    return found


@pytest.mark.parametrize("kind", FOUND_BY)
def test_a_backend_that_breaks_a_promise_is_found(outcomes: dict[str, dict[str, list[str]]], kind: str) -> None:
    failed = outcomes[kind]["FAILED"] + outcomes[kind]["ERROR"]
    assert failed
    assert any(test.startswith(FOUND_BY[kind]) for test in failed), failed


@pytest.mark.parametrize("kind", ["TestGood", "TestStoreOnGood"])
def test_one_that_keeps_them_passes(outcomes: dict[str, dict[str, list[str]]], kind: str) -> None:
    assert len(outcomes[kind]["PASSED"]) > 20
    assert not outcomes[kind]["FAILED"] + outcomes[kind]["ERROR"]


def test_a_failure_says_what_was_seen_and_prints_no_big_contents(summary: list[str]) -> None:
    for line in summary:
        if not line.startswith("PASSED"):
            reason = line.partition(" - ")[2]
            assert reason.removeprefix("AssertionError"), line  # only pytest tells what the sides of an assert were
            assert len(reason) < 50_000, f"{line[:200]} ... {len(reason)} characters"
