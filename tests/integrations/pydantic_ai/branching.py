"""Branches and forks of conversations, each clause of what pydantic-ai documents a test."""

from __future__ import annotations

import pytest
from pydantic_ai import UserError
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationConflict
from pydantic_ai.usage import RunUsage

from tests.integrations.pydantic_ai.conversations import Waiting, begun, deferred, said, texts


class OfBranching:
    """`branch`."""

    def test_a_branch_keeps_so_many_messages(self, store: Waiting) -> None:
        conversation = begun(store, "c", "one", "two", "three", "four")
        branched = store.branch("c", at=2, expected_revision=conversation.revision)
        assert texts(branched.messages) == ["one", "two"]
        assert branched.revision != conversation.revision
        assert store.load("c") == branched

    def test_the_next_turn_goes_on_the_branch(self, store: Waiting) -> None:
        conversation = begun(store, "c", "one", "two", "three")
        branched = store.branch("c", at=1, expected_revision=conversation.revision)
        branched.messages += said("zwei")
        assert len(store.save(branched)) == 1
        assert texts(store.load("c").messages) == ["one", "zwei"]

    def test_the_history_that_was_left_stays_stored_and_is_listed(self, store: Waiting) -> None:
        conversation = begun(store, "c", "one", "two", "three")
        entries = store.load_entries("c")
        store.branch("c", at=1, expected_revision=conversation.revision)
        assert store.read_record("c").branches == [entries[-1].id]
        assert store.read_history(entries[-1].id) == entries

    def test_one_can_branch_back(self, store: Waiting) -> None:
        conversation = begun(store, "c", "one", "two", "three")
        tip = store.load_entries("c")[-1].id
        branched = store.branch("c", at=1, expected_revision=conversation.revision)
        branched.messages += said("zwei")
        (new,) = store.save(branched)
        back = store.branch("c", from_entry=tip, expected_revision=branched.revision)
        assert texts(back.messages) == ["one", "two", "three"]
        assert store.read_record("c").branches == [new.id]

    def test_one_can_branch_from_the_middle_of_a_branch_that_was_left(self, store: Waiting) -> None:
        conversation = begun(store, "c", "one", "two", "three")
        second = store.load_entries("c")[1].id
        branched = store.branch("c", at=0, expected_revision=conversation.revision)
        assert branched.messages == []
        again = store.branch("c", from_entry=second, expected_revision=branched.revision)
        assert texts(again.messages) == ["one", "two"]

    def test_a_branch_of_the_whole_leaves_nothing(self, store: Waiting) -> None:
        conversation = begun(store)
        store.branch("c", at=2, expected_revision=conversation.revision)
        assert store.read_record("c").branches == []

    def test_only_a_branch_of_the_whole_keeps_the_deferred_requests(self, store: Waiting) -> None:
        conversation = Conversation(conversation_id="c", messages=said("one", "two"), deferred_tool_requests=deferred())
        store.save(conversation)
        whole = store.branch("c", at=2, expected_revision=conversation.revision)
        assert whole.deferred_tool_requests == deferred()
        assert store.branch("c", at=1, expected_revision=whole.revision).deferred_tool_requests is None

    def test_a_branch_on_an_older_revision_is_a_conflict(self, store: Waiting) -> None:
        conversation = begun(store)
        old = conversation.revision
        conversation.messages += said("three")
        store.save(conversation)
        with pytest.raises(ConversationConflict):
            store.branch("c", at=1, expected_revision=old)
        assert texts(store.load("c").messages) == ["one", "two", "three"]

    def test_what_is_not_there_or_of_another_scope_cannot_branch(self, store: Waiting) -> None:
        with pytest.raises(UserError):
            store.branch("c", at=0, expected_revision="any")
        conversation = begun(store, scope="one")
        with pytest.raises(UserError):
            store.branch("c", at=0, expected_revision=conversation.revision, scope="two")
        assert store.branch("c", at=1, expected_revision=conversation.revision, scope="one")

    def test_a_branch_must_say_from_where(self, store: Waiting) -> None:
        conversation = begun(store)
        (first, _) = store.load_entries("c")
        for wrong in {}, {"at": 1, "from_entry": first.id}, {"at": 3}, {"at": -1}, {"from_entry": "nowhere"}:
            with pytest.raises(UserError):
                store.branch("c", **wrong, expected_revision=conversation.revision)
        assert store.load("c").revision == conversation.revision

    def test_an_entry_of_another_conversation_is_no_branch(self, store: Waiting) -> None:
        conversation = begun(store)
        begun(store, "d", "other")
        foreign = store.load_entries("d")[0].id
        with pytest.raises(UserError):
            store.branch("c", from_entry=foreign, expected_revision=conversation.revision)


class OfForking:
    """`fork`."""

    def test_a_fork_has_the_history_with_its_entries(self, store: Waiting) -> None:
        begun(store)
        forked = store.fork("c")
        assert texts(forked.messages) == ["one", "two"]
        assert store.load_entries(forked.conversation_id) == store.load_entries("c")
        assert store.load(forked.conversation_id) == forked

    def test_a_fork_of_the_whole_carries_usage_and_deferred_requests(self, store: Waiting) -> None:
        usage = RunUsage(requests=2, input_tokens=9)
        conversation = Conversation(
            conversation_id="c", messages=said("one", "two"), usage=usage, deferred_tool_requests=deferred()
        )
        store.save(conversation)
        assert store.fork("c", new_conversation_id="d").usage == usage
        assert store.load("d").deferred_tool_requests == deferred()
        store.fork("c", at=1, new_conversation_id="e")
        assert store.load("e").usage == RunUsage()
        assert store.load("e").deferred_tool_requests is None

    def test_a_fork_keeps_so_many_messages(self, store: Waiting) -> None:
        begun(store, "c", "one", "two", "three")
        assert texts(store.fork("c", at=2).messages) == ["one", "two"]
        assert store.fork("c", at=0).messages == []

    def test_a_fork_begins_at_an_entry_of_the_history_or_of_a_branch_that_was_left(self, store: Waiting) -> None:
        conversation = begun(store, "c", "one", "two", "three")
        entries = store.load_entries("c")
        store.branch("c", at=1, expected_revision=conversation.revision)
        assert texts(store.fork("c", from_entry=entries[0].id).messages) == ["one"]
        assert texts(store.fork("c", from_entry=entries[1].id, new_conversation_id="d").messages) == ["one", "two"]
        assert texts(store.load("d").messages) == ["one", "two"]

    def test_a_fork_says_where_it_comes_from(self, store: Waiting) -> None:
        begun(store, "c", "one", "two", "three")
        second = store.load_entries("c")[1].id
        store.fork("c", at=2, new_conversation_id="d")
        found = store.read_record("d")
        assert (found.forked_from, found.forked_at, found.head_id) == ("c", second, second)
        assert store.read_record("c").forked_from is None

    def test_a_fork_goes_on_by_itself(self, store: Waiting) -> None:
        conversation = begun(store)
        forked = store.fork("c")
        forked.messages += said("fork")
        store.save(forked)
        conversation.messages += said("origin")
        store.save(conversation)
        assert texts(store.load("c").messages) == ["one", "two", "origin"]
        assert texts(store.load(forked.conversation_id).messages) == ["one", "two", "fork"]
        assert store.read_record(forked.conversation_id).forked_from == "c"

    def test_one_point_can_be_forked_often_and_a_fork_again(self, store: Waiting) -> None:
        begun(store)
        forks = [store.fork("c", at=1) for _ in range(3)]
        assert len({fork.conversation_id for fork in forks}) == 3
        again = store.fork(forks[0].conversation_id)
        assert texts(store.load(again.conversation_id).messages) == ["one"]
        assert store.read_record(again.conversation_id).forked_from == forks[0].conversation_id

    def test_a_fork_under_a_stored_id_is_a_conflict(self, store: Waiting) -> None:
        begun(store)
        begun(store, "d", "other")
        with pytest.raises(ConversationConflict):
            store.fork("c", new_conversation_id="d")
        assert texts(store.load("d").messages) == ["other"]

    def test_a_fork_has_the_scope_of_its_origin_or_its_own(self, store: Waiting) -> None:
        begun(store, scope="one")
        store.fork("c", new_conversation_id="d")
        store.fork("c", new_conversation_id="e", scope="two")
        assert store.read_record("d").scope == "one"
        assert store.read_record("e").scope == "two"

    def test_what_is_not_there_or_of_another_scope_cannot_be_forked(self, store: Waiting) -> None:
        with pytest.raises(UserError):
            store.fork("c")
        begun(store, scope="one")
        with pytest.raises(UserError):
            store.fork("c", source_scope="two")
        assert store.fork("c", source_scope="one")

    def test_a_fork_must_begin_somewhere(self, store: Waiting) -> None:
        begun(store)
        (first, _) = store.load_entries("c")
        for wrong in {"at": 1, "from_entry": first.id}, {"at": 3}, {"at": -1}, {"from_entry": "nowhere"}:
            with pytest.raises(UserError):
                store.fork("c", **wrong, new_conversation_id="d")
        assert store.load("d") is None

    def test_a_fork_outlives_its_origin_and_the_origin_its_fork(self, store: Waiting) -> None:
        begun(store)
        for id in "d", "e":
            store.fork("c", new_conversation_id=id)
        store.delete("d")
        assert texts(store.load("c").messages) == ["one", "two"]
        store.delete("c")
        assert texts(store.load("e").messages) == ["one", "two"]
