from __future__ import annotations

import copy
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from objstore._format.canonical import JSON, MAX_STORED_DEPTH, dumps, loads, same
from objstore._format.checking import MAX_DEPTH
from objstore._format.patching import Patch, append, appended, apply, diff, is_append
from objstore._format.refs import Ref

from .values import DOCUMENTS, edited

PAIRS = edited() | st.tuples(DOCUMENTS, DOCUMENTS)
# Longer than what is compared at once, full of repeats, and of items that are worth more than a range.
LONG = edited(st.sampled_from(["a" * 60, "b" * 60, 1, 1.0]), 30, 100)


def message(number: int, text: str = "") -> dict[str, Any]:
    body = text or f"message number {number}, of some length, as messages are"
    return {"role": "user", "content": [{"type": "text", "text": body}], "n": number}


def messages(*numbers: int) -> list[Any]:
    return [message(number) for number in numbers]


def run(name: str, events: int) -> dict[str, Any]:
    return {"snapshot": {"id": name, "status": "done"}, "events": [{"seq": i, "in": name} for i in range(events)]}


def fresh(value: Any) -> Any:
    return copy.deepcopy(value)


def found(old: Any, new: Any) -> Patch:
    """Diff copies that share nothing, and check that the patch does what it should before more is said of it."""
    old, new = fresh(old), fresh(new)
    before = fresh(old)
    patch = diff(old, new)
    assert patch is not None
    assert same(apply(patch, old), new)
    assert same(old, before)
    return patch


def size(patch: Patch) -> int:
    return len(dumps(patch))


class TestRoundTrip:
    @settings(deadline=None, max_examples=1000)
    @given(PAIRS | LONG)
    @example(([1, 2, 3], [True, 2.0, 3]))
    @example(({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    @example(({"a": 0.0}, {"a": -0.0}))
    @example(([[], {}], [{}, []]))
    def test_a_patch_makes_exactly_the_new_document_and_leaves_the_old_one_alone(self, pair: tuple[Any, Any]) -> None:
        old, new = pair
        before_old, before_new = json.dumps(old), json.dumps(new)
        patch = diff(old, new)
        if patch is None:
            assert before_old == before_new
        else:
            assert before_old != before_new
            assert json.dumps(apply(patch, old)) == before_new
        assert json.dumps(old) == before_old
        assert json.dumps(new) == before_new

    @settings(deadline=None)
    @given(PAIRS)
    def test_a_patch_survives_being_stored(self, pair: tuple[Any, Any]) -> None:
        old, new = pair
        patch = diff(old, new)
        if patch is not None:
            stored = loads(dumps(patch))
            assert isinstance(stored, dict)
            assert same(apply(stored, old), new)

    @settings(deadline=None)
    @given(PAIRS)
    def test_a_patch_is_hardly_ever_longer_than_the_new_document(self, pair: tuple[Any, Any]) -> None:
        # Weights are estimates, so this is a bound on how far off they may be.
        patch = diff(*pair)
        if patch is not None:
            assert size(patch) <= 2 * len(dumps(pair[1])) + 40

    def test_the_same_documents_need_no_patch(self) -> None:
        assert diff(messages(1, 2), messages(1, 2)) is None
        assert diff({}, {}) is None
        assert diff([], []) is None


class TestObjects:
    def test_a_changed_member_is_put_and_keeps_its_place(self) -> None:
        patch = found({"a": 1, "b": "long " * 9, "c": 3}, {"a": 2, "b": "long " * 9, "c": 3})
        assert patch == {"put": {"a": 2}}

    def test_a_new_member_is_appended(self) -> None:
        assert found({"a": "long " * 9}, {"a": "long " * 9, "b": 1}) == {"put": {"b": 1}}

    def test_a_removed_member_is_cut_and_costs_its_key(self) -> None:
        assert found({"a": "long " * 9, "b": "x", "c": 1}, {"a": "long " * 9, "c": 1}) == {"cut": ["b"]}

    def test_a_member_that_moves_to_the_end_is_cut_and_put(self) -> None:
        old = {"a": 1, "b": "long " * 9, "c": "long " * 9}
        assert found(old, {"b": old["b"], "c": old["c"], "a": 1}) == {"cut": ["a"], "put": {"a": 1}}

    def test_a_member_that_comes_in_between_moves_what_follows(self) -> None:
        old = {"a": "long " * 9, "c": 3}
        assert found(old, {"a": old["a"], "b": 2, "c": 3}) == {"cut": ["c"], "put": {"b": 2, "c": 3}}

    def test_changes_deep_inside_cost_their_path(self) -> None:
        old = {"usage": {"in": {"tokens": 1, "rest": "long " * 9}, "rest": "long " * 9}, "rest": "long " * 9}
        new = fresh(old)
        new["usage"]["in"]["tokens"] = 2
        assert found(old, new) == {"sub": {"usage": {"sub": {"in": {"put": {"tokens": 2}}}}}}

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ({"a": 1}, {"b": 1}),
            ({"a": 1, "b": 2}, {"a": 2, "b": 1}),
            ({}, {"a": 1}),
            ({"a": 1}, {}),
            ({"a": 1}, [1]),
            ({"a": 1}, None),
            (1, 1.0),
            ("a", "b"),
            ([1, 2], [3, 4]),
            ([1, 2], []),
            ({f"k{i}": 1 for i in range(50)}, {"k1": 1}),
            (list(range(100)), [-i if i % 2 else i for i in range(100)]),
        ],
    )
    def test_what_a_patch_would_not_shorten_is_set(self, old: Any, new: Any) -> None:
        assert found(old, new) == {"set": new}


class TestLists:
    def test_an_appended_message_costs_one_message_however_many_there_are(self) -> None:
        old = messages(*range(10_000))
        patch = found(old, [*old, message(-1)])
        assert patch == {"list": [[0, 10_000], {"add": [message(-1)]}]}
        assert size(patch) <= len(dumps(message(-1))) + 40

    def test_an_edit_in_the_middle_of_ten_thousand_messages_costs_at_most_one_message(self) -> None:
        old = messages(*range(10_000))
        new = fresh(old)
        new[5000]["content"][0]["text"] = "!" + "edited " * 10
        assert size(found(old, new)) <= len(dumps(new[5000])) + 60

    def test_two_edits_cost_two_messages(self) -> None:
        old = messages(*range(1000))
        new = fresh(old)
        for place in (100, 900):
            new[place] = message(place, "edited " * 10)
        assert size(found(old, new)) <= len(dumps(new[100])) + len(dumps(new[900])) + 90

    def test_an_event_added_to_the_last_run_costs_one_event(self) -> None:
        old = [run(f"run {i}", 300) for i in range(20)]
        new = fresh(old)
        new[-1]["events"].append({"seq": 300, "in": "run 19"})
        expected = {"sub": {"events": {"list": [[0, 300], {"add": [{"seq": 300, "in": "run 19"}]}]}}}
        assert found(old, new) == {"list": [[0, 19], {"at": 19, "patch": expected}]}

    def test_an_event_for_the_last_run_and_a_new_run_cost_just_these(self) -> None:
        old = [run("a", 50), run("b", 50)]
        new = [run("a", 50), run("b", 51), run("c", 1)]
        patch = found(old, new)
        assert [next(iter(piece)) for piece in patch["list"]] == [0, "at", "add"]
        assert size(patch) <= len(dumps(run("c", 1))) + 130

    def test_a_changed_item_behind_a_new_one_is_still_patched(self) -> None:
        patch = found([run("a", 50), run("b", 50)], [run("new", 1), run("a", 50), run("x", 2), run("b", 51)])
        assert [next(iter(piece)) for piece in patch["list"]] == ["add", 0, "add", "at"]

    def test_a_patched_item_is_found_between_others_that_were_exchanged(self) -> None:
        patch = found(["a", run("a", 50), "b"], ["c", run("a", 51), "d"])
        assert [next(iter(piece)) for piece in patch["list"]] == ["add", "at", "add"]

    def test_a_compacted_conversation_costs_its_new_head(self) -> None:
        old = messages(*range(5000))
        summary = message(-1, "what was said before")
        assert found(old, [summary, *old[4000:]]) == {"list": [{"add": [summary]}, [4000, 1000]]}

    def test_a_compacted_conversation_that_goes_on_costs_head_and_end(self) -> None:
        old = messages(*range(5000))
        summary, last = message(-1, "what was said before"), message(-2, "and then")
        new = [old[0], summary, *old[4000:], last]
        assert found(old, new) == {"list": [[0, 1], {"add": [summary]}, [4000, 1000], {"add": [last]}]}

    def test_a_window_that_moves_on_costs_what_is_new_in_it(self) -> None:
        # As long as before, so a comparison place by place would find everything changed.
        old = messages(*range(1000))
        assert found(old, [*old[3:], *messages(-1, -2, -3)]) == {"list": [[3, 997], {"add": messages(-1, -2, -3)}]}

    def test_a_deletion_costs_two_ranges(self) -> None:
        old = messages(*range(1000))
        assert found(old, old[:200] + old[300:]) == {"list": [[0, 200], [300, 700]]}

    def test_an_insertion_costs_what_is_inserted(self) -> None:
        old = messages(*range(1000))
        new = [*old[:200], message(-1), *old[200:]]
        assert found(old, new) == {"list": [[0, 200], {"add": [message(-1)]}, [200, 800]]}

    def test_blocks_that_change_places_cost_their_ranges(self) -> None:
        old = messages(*range(1000))
        new = old[:100] + old[600:800] + old[300:500] + old[900:]
        assert found(old, new) == {"list": [[0, 100], [600, 200], [300, 200], [900, 100]]}

    def test_a_repeated_block_is_not_stored_twice(self) -> None:
        old = messages(*range(100))
        new = [message(-1), *old, *old, message(-2)]
        expected = {"list": [{"add": [message(-1)]}, [0, 100], [0, 100], {"add": [message(-2)]}]}
        assert found(old, new) == expected

    def test_items_alike_do_not_tear_runs_apart(self) -> None:
        old = [item for i in range(100) for item in (message(i), message(-1))]
        new = [message(1000), *old[50:], message(1001)]
        assert found(old, new) == {"list": [{"add": [message(1000)]}, [50, 150], {"add": [message(1001)]}]}

    def test_the_same_items_are_not_counted_from_both_ends(self) -> None:
        old = messages(*[1] * 50)
        assert found(old, old[:40]) == {"list": [[0, 40]]}
        assert found(old, [*old[:20], message(2), *old[:20]]) == {"list": [[0, 20], {"add": [message(2)]}, [30, 20]]}

    def test_changes_below_many_levels_are_set_so_that_stored_text_stays_shallow(self) -> None:
        def tower(innermost: int) -> Any:
            value: Any = innermost
            for _ in range(MAX_DEPTH):
                value = [value, "long " * 40]
            return value

        patch = found(tower(1), tower(2))
        assert isinstance(loads(dumps({"body": patch})), dict)
        assert _depth(patch) < MAX_STORED_DEPTH - 20  # what is left is for the commit around it


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


class TestSharing:
    def test_unchanged_items_and_members_are_the_same_objects(self) -> None:
        old: Any = {"messages": messages(*range(50)), "config": {"a": [1]}, "runs": [run("a", 3), run("b", 3)]}
        new = fresh(old)
        del new["messages"][10]
        new["messages"].append(message(-1))
        new["runs"][1]["events"].append({"seq": 3})
        patch = diff(old, new)
        assert patch is not None
        after: Any = apply(patch, old)
        assert same(after, new)
        assert after["config"] is old["config"]
        for place, item in enumerate(after["messages"][:-1]):
            assert item is old["messages"][place + (place >= 10)]
        assert after["runs"][0] is old["runs"][0]
        assert after["runs"][1]["snapshot"] is old["runs"][1]["snapshot"]
        assert all(a is b for a, b in zip(after["runs"][1]["events"], old["runs"][1]["events"], strict=False))


class TestReferences:
    BIG = "é" * 5000
    RAW = memoryview(b"raw")

    def ref(self, value: str | memoryview) -> Ref:
        raw = value.encode() if isinstance(value, str) else value
        return Ref(sha256(raw).hexdigest(), len(raw), "text" if isinstance(value, str) else "bytes")

    def test_what_a_reference_names_is_no_change(self) -> None:
        assert diff({"a": [self.ref(self.BIG)]}, {"a": [self.BIG]}) is None
        assert diff({"a": [self.ref(self.RAW)]}, {"a": [self.RAW]}) is None

    @pytest.mark.parametrize("in_full", [True, False])
    def test_lists_are_aligned_by_what_references_name(self, in_full: bool) -> None:
        big: JSON = self.BIG if in_full else self.ref(self.BIG)
        old: list[JSON] = [
            *messages(*range(20)),
            {"t": self.ref(self.BIG)},
            {"b": [self.ref(self.RAW)]},
            *messages(*range(20, 40)),
        ]
        new: list[JSON] = [message(-1), *messages(15, 16, 17, 18, 19), {"t": big}, {"b": [self.RAW]}, *messages(20, -2)]
        patch = diff(old, new)
        assert patch == {"list": [{"add": [message(-1)]}, [15, 8], {"add": [message(-2)]}]}
        assert same(apply(patch, old), new)

    @pytest.mark.parametrize("short", ["text", RAW])
    def test_however_short_what_a_reference_names_writing_it_costs_a_digest(self, short: str | memoryview) -> None:
        assert diff({"x": {"a": 1, "b": "r"}}, {"x": {"a": 2, "b": "r"}}) == {"set": {"x": {"a": 2, "b": "r"}}}
        for kept in (self.ref(short), self.RAW):
            assert diff({"x": {"a": 1, "b": kept}}, {"x": {"a": 2, "b": kept}}) == {"sub": {"x": {"put": {"a": 2}}}}


class TestAppends:
    @settings(deadline=None)
    @given(st.lists(DOCUMENTS, max_size=8), st.lists(DOCUMENTS, min_size=1, max_size=4))
    def test_adding_to_the_end_is_always_found_and_told(self, old: list[Any], items: list[Any]) -> None:
        patch = diff(old, fresh([*old, *items]))
        assert patch is not None
        assert patch == append(len(old), items)
        assert is_append(patch, len(old))
        assert same(appended(patch), items)

    @settings(deadline=None)
    @given(st.lists(DOCUMENTS, max_size=8), st.lists(DOCUMENTS, max_size=8))
    def test_nothing_else_is_taken_for_an_append(self, old: list[Any], new: list[Any]) -> None:
        patch = diff(old, new)
        if patch is not None:
            assert is_append(patch, len(old)) is (same(new[: len(old)], old) and len(new) > len(old))

    def test_an_append_can_be_put_on_top_of_another(self) -> None:
        base, ours, theirs = messages(1, 2), messages(1, 2, 3), messages(1, 2, 4, 5)
        patch = diff(base, ours)
        assert patch is not None
        rebased = append(len(theirs), appended(patch))
        assert same(apply(rebased, theirs), messages(1, 2, 4, 5, 3))
