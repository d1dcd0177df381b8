"""What a backend of pydantic-ai's conversation stores implements: records and entries, each clause a test."""

from __future__ import annotations

import datetime

import pytest
from pydantic_ai.conversation_store import ConversationConflict, ConversationEntry
from pydantic_ai.usage import RunUsage

from tests.integrations.pydantic_ai.conversations import Waiting, answer, deferred, entry, record


class OfPrimitives:
    """What a backend implements."""

    def test_a_record_that_is_not_there_is_none(self, store: Waiting) -> None:
        assert store.read_record("c") is None

    def test_a_record_is_read_as_it_was_written(self, store: Waiting) -> None:
        written = record(
            "c",
            "e1",
            usage=RunUsage(requests=2, input_tokens=30, tool_calls=1, details={"cached": 4}),
            deferred_tool_requests=deferred(),
            scope="user-1",
            forked_from="other",
            forked_at="e0",
            branches=["b1", "b2"],
            updated_at=datetime.datetime(2026, 11, 26, 12, 0, 0, 123456, tzinfo=datetime.UTC),
        )
        store.write_record(written, new_entries=[entry("e1")], expected_revision=None)
        assert store.read_record("c") == written

    def test_a_record_is_a_copy_of_what_was_given_and_so_is_what_is_read(self, store: Waiting) -> None:
        written = record("c", branches=["b"])
        store.write_record(written, expected_revision=None)
        written.branches.append("x")
        store.read_record("c").branches.append("y")
        assert store.read_record("c").branches == ["b"]

    def test_entries_are_read_as_they_were_written(self, store: Waiting) -> None:
        entries = [entry("e1"), ConversationEntry(id="e2", parent_id="e1", message=answer("hi"))]
        store.write_record(record("c", "e2"), new_entries=entries, expected_revision=None)
        assert [store.read_entry("e1"), store.read_entry("e2")] == entries

    def test_an_entry_that_is_not_there_is_a_lookup_error(self, store: Waiting) -> None:
        store.write_record(record("c", "e1"), new_entries=[entry("e1")], expected_revision=None)
        with pytest.raises(LookupError):
            store.read_entry("e2")

    def test_a_record_replaces_the_one_with_the_expected_revision(self, store: Waiting) -> None:
        first = record("c", "e1")
        store.write_record(first, new_entries=[entry("e1")], expected_revision=None)
        second = record("c", "e2", scope="s")
        store.write_record(second, new_entries=[entry("e2", "e1")], expected_revision=first.revision)
        assert store.read_record("c") == second

    def test_another_revision_than_the_stored_one_is_a_conflict(self, store: Waiting) -> None:
        first = record("c")
        store.write_record(first, expected_revision=None)
        with pytest.raises(ConversationConflict) as caught:
            store.write_record(record("c", scope="s"), expected_revision="another")
        assert caught.value.conversation_id == "c"
        assert store.read_record("c") == first

    def test_a_record_where_none_is_expected_is_a_conflict(self, store: Waiting) -> None:
        first = record("c")
        store.write_record(first, expected_revision=None)
        with pytest.raises(ConversationConflict):
            store.write_record(record("c", scope="s"), expected_revision=None)
        assert store.read_record("c") == first

    def test_no_record_where_one_is_expected_is_a_conflict(self, store: Waiting) -> None:
        with pytest.raises(ConversationConflict):
            store.write_record(record("c"), expected_revision="another")
        assert store.read_record("c") is None

    def test_a_head_that_nobody_has_is_a_conflict(self, store: Waiting) -> None:
        with pytest.raises(ConversationConflict):
            store.write_record(record("c", "nowhere"), new_entries=[entry("e1")], expected_revision=None)
        assert store.read_record("c") is None

    def test_a_conflict_leaves_neither_record_nor_entries_behind(self, store: Waiting) -> None:
        store.write_record(record("c", "e1"), new_entries=[entry("e1")], expected_revision=None)
        with pytest.raises(ConversationConflict):
            store.write_record(record("c", "e2"), new_entries=[entry("e2", "e1")], expected_revision="another")
        with pytest.raises(LookupError):
            store.read_entry("e2")

    def test_a_head_may_be_an_entry_of_another_conversation(self, store: Waiting) -> None:
        entries = [entry("e1"), entry("e2", "e1")]
        store.write_record(record("c", "e2"), new_entries=entries, expected_revision=None)
        store.write_record(record("d", "e1", forked_from="c"), expected_revision=None)
        store.write_record(record("e", "e2"), expected_revision=None)
        assert store.read_history(store.read_record("d").head_id) == entries[:1]
        assert store.read_history(store.read_record("e").head_id) == entries

    def test_records_are_listed_by_the_time_of_their_last_save(self, store: Waiting) -> None:
        noon = datetime.datetime(2026, 11, 26, 12, tzinfo=datetime.UTC)
        for id, minutes in ("a", 2), ("b", 3), ("c", 1):
            written = record(id, updated_at=noon + datetime.timedelta(minutes=minutes))
            store.write_record(written, expected_revision=None)
        assert [found.conversation_id for found in store.read_records()] == ["b", "a", "c"]

    def test_records_are_listed_by_scope(self, store: Waiting) -> None:
        for id, scope in ("a", "one"), ("b", "two"), ("c", None):
            store.write_record(record(id, scope=scope), expected_revision=None)
        assert [found.conversation_id for found in store.read_records(scope="two")] == ["b"]
        assert store.read_records(scope="three") == []
        assert len(store.read_records()) == 3

    def test_at_most_so_many_records_are_listed_the_newest(self, store: Waiting) -> None:
        for id in "abc":
            store.write_record(record(id, scope="s"), expected_revision=None)
        assert [found.conversation_id for found in store.read_records(limit=2)] == ["c", "b"]
        assert [found.conversation_id for found in store.read_records(scope="s", limit=1)] == ["c"]
        assert store.read_records(limit=0) == []

    def test_a_listed_record_is_the_whole_record(self, store: Waiting) -> None:
        big = record("c", branches=[f"branch-{n}" for n in range(500)], deferred_tool_requests=deferred(), scope="s")
        small = record("d", scope="s")
        store.write_record(big, expected_revision=None)
        store.write_record(small, expected_revision=None)
        assert store.read_records() == [small, big]

    def test_a_record_is_deleted_at_its_revision(self, store: Waiting) -> None:
        written = record("c")
        store.write_record(written, expected_revision=None)
        store.delete_record("c", expected_revision=written.revision)
        assert store.read_record("c") is None
        assert store.read_records() == []

    def test_deleting_at_another_revision_is_a_conflict(self, store: Waiting) -> None:
        written = record("c")
        store.write_record(written, expected_revision=None)
        with pytest.raises(ConversationConflict):
            store.delete_record("c", expected_revision="another")
        assert store.read_record("c") == written

    def test_deleting_what_is_not_there_is_a_conflict(self, store: Waiting) -> None:
        with pytest.raises(ConversationConflict):
            store.delete_record("c", expected_revision="another")

    def test_deleting_twice_is_a_conflict(self, store: Waiting) -> None:
        written = record("c")
        store.write_record(written, expected_revision=None)
        store.delete_record("c", expected_revision=written.revision)
        with pytest.raises(ConversationConflict):
            store.delete_record("c", expected_revision=written.revision)

    def test_entries_that_no_history_reaches_are_deleted_with_their_record(self, store: Waiting) -> None:
        written = record("c", "e1")
        store.write_record(written, new_entries=[entry("e1")], expected_revision=None)
        store.delete_record("c", expected_revision=written.revision)
        with pytest.raises(LookupError):
            store.read_entry("e1")

    def test_entries_that_another_history_reaches_are_kept(self, store: Waiting) -> None:
        entries = [entry("e1"), entry("e2", "e1")]
        written = record("c", "e2")
        store.write_record(written, new_entries=entries, expected_revision=None)
        store.write_record(record("d", "e1", forked_from="c"), expected_revision=None)
        store.delete_record("c", expected_revision=written.revision)
        assert store.read_entry("e1") == entries[0]
        with pytest.raises(LookupError):
            store.read_entry("e2")

    def test_a_history_goes_from_the_first_entry_to_the_head(self, store: Waiting) -> None:
        entries = [entry("e1"), entry("e2", "e1"), entry("e3", "e2"), entry("e2b", "e1")]
        store.write_record(record("c", "e3", branches=["e2b"]), new_entries=entries, expected_revision=None)
        assert store.read_history("e3") == entries[:3]
        assert store.read_history("e2b") == [entries[0], entries[3]]
        assert store.read_history("e2") == entries[:2]
        assert store.read_history(None) == []

    def test_a_limited_history_is_its_end(self, store: Waiting) -> None:
        entries = [entry("e1"), entry("e2", "e1"), entry("e3", "e2")]
        store.write_record(record("c", "e3"), new_entries=entries, expected_revision=None)
        assert store.read_history("e3", limit=2) == entries[1:]
        assert store.read_history("e3", limit=9) == entries
        assert store.read_history("e3", limit=0) == []
        assert store.read_history("nowhere", limit=0) == []

    def test_a_history_that_is_not_there_is_a_lookup_error(self, store: Waiting) -> None:
        with pytest.raises(LookupError):
            store.read_history("e1")
