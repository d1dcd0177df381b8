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
def outcomes() -> dict[str, dict[str, list[str]]]:
    """Run them all; class -> outcome -> names of tests."""
    file = Path(__file__).with_name("bad_backends.py")
    command = [sys.executable, "-m", "pytest", str(file), "-q", "-rA", "--tb=no", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stdout[-2000:] + ended.stderr
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for line in ended.stdout.splitlines():
        outcome, _, rest = line.partition(" ")
        if outcome in ("PASSED", "FAILED", "ERROR") and "::" in rest:
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
