"""The suites that users inherit find a backend that breaks a promise, and pass one that keeps them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

GOOD = ("TestGood", "TestStoreOnGood")
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


def test_backends_that_break_a_promise_are_found_with_what_was_seen_and_good_ones_pass() -> None:
    """All in one, since the runs take long: as one who wants to see everything does, without megabytes of contents."""
    file = Path(__file__).with_name("bad_backends.py")
    command = [sys.executable, "-m", "pytest", str(file), "-q", "-vvv", "-rA", "--tb=no", "-p", "no:cacheprovider"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stdout[-2000:] + ended.stderr
    passed, failed = Counter[str](), defaultdict[str, list[str]](list)
    for line in ended.stdout.splitlines():
        outcome, _, rest = line.partition(" ")
        if outcome not in ("PASSED", "FAILED", "ERROR"):
            continue
        name, _, reason = rest.partition(" - ")
        _, kind, test = name.split("::", 2)
        if outcome == "PASSED":
            passed[kind] += 1
            continue
        failed[kind].append(test)
        assert reason.removeprefix("AssertionError"), line  # only pytest tells what the sides of an assert were
        assert len(reason) < 50_000, f"{line[:200]} ... {len(reason)} characters"
    missed = {
        kind: failed[kind] for kind, by in FOUND_BY.items() if not any(test.startswith(by) for test in failed[kind])
    }
    assert not missed
    assert failed.keys() == FOUND_BY.keys()
    assert min(passed[kind] for kind in GOOD) > 20
