"""What pydantic-ai documents of a conversation store, clause by clause.

Each test holds one clause of the docstrings of `pydantic_ai.conversation_store`, on the calls that everybody has.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
from typing import Any

import pytest
from pydantic_ai import Agent, DeferredToolRequests, UserError
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.conversation import Conversation, ConversationTypeAdapter
from pydantic_ai.conversation_store import ConversationConflict, ConversationEntry, ConversationRecord
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

Waiting = Any
"""A conversation store whose calls wait."""


def ask(text: str) -> ModelMessage:
    return ModelRequest.user_text_prompt(text)


def answer(text: str) -> ModelMessage:
    return ModelResponse(parts=[TextPart(text)])


def said(*texts: str) -> list[ModelMessage]:
    return [answer(text) if n % 2 else ask(text) for n, text in enumerate(texts)]


def texts(messages: list[ModelMessage]) -> list[str]:
    return [str(getattr(part, "content", "")) for message in messages for part in message.parts]


def entry(id: str, parent_id: str | None = None, text: str = "hello") -> ConversationEntry:
    return ConversationEntry(id=id, parent_id=parent_id, message=ask(text))


def record(id: str, head_id: str | None = None, **fields: Any) -> ConversationRecord:
    return ConversationRecord(conversation_id=id, head_id=head_id, **fields)


def begun(store: Waiting, id: str = "c", *said_: str, **arguments: Any) -> Conversation:
    """Save a new conversation of some turns, and give what was saved."""
    conversation = Conversation(conversation_id=id, messages=said(*(said_ or ("one", "two"))))
    store.save(conversation, **arguments)
    return conversation


def deferred() -> DeferredToolRequests:
    call = ToolCallPart("pay", {"amount": 3}, tool_call_id="call-1")
    return DeferredToolRequests(approvals=[call], metadata={"call-1": {"reason": "money"}})


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


class OfLoading:
    """`load` and `load_entries`."""

    def test_what_is_not_there_is_none(self, store: Waiting) -> None:
        assert store.load("c") is None
        assert store.load_entries("c") is None

    def test_a_conversation_comes_whole(self, store: Waiting) -> None:
        conversation = Conversation(
            conversation_id="c",
            messages=said("one", "two"),
            usage=RunUsage(requests=1, input_tokens=5),
            deferred_tool_requests=deferred(),
        )
        store.save(conversation)
        assert store.load("c") == conversation

    def test_what_is_loaded_knows_what_is_stored(self, store: Waiting) -> None:
        begun(store, "c", "one", "two", "three")
        assert store.load("c").new_message_index == 3
        assert store.load("c", limit=2).new_message_index == 2

    def test_the_last_messages_alone(self, store: Waiting) -> None:
        begun(store, "c", "one", "two", "three")
        assert texts(store.load("c", limit=2).messages) == ["two", "three"]
        assert texts(store.load("c", limit=9).messages) == ["one", "two", "three"]
        assert store.load("c", limit=0).messages == []

    def test_what_is_saved_after_the_last_messages_goes_on_the_whole(self, store: Waiting) -> None:
        begun(store, "c", "one", "two", "three", "four")
        window = store.load("c", limit=1)
        window.messages += said("five", "six")
        assert len(store.save(window)) == 2
        assert texts(store.load("c").messages) == ["one", "two", "three", "four", "five", "six"]
        assert store.read_record("c").branches == []

    def test_a_negative_limit_is_an_error(self, store: Waiting) -> None:
        begun(store)
        for call in store.load, store.load_entries:
            with pytest.raises(UserError):
                call("c", limit=-1)

    def test_another_scope_does_not_see_it(self, store: Waiting) -> None:
        begun(store, scope="one")
        assert store.load("c", scope="two") is None
        assert store.load_entries("c", scope="two") is None
        assert texts(store.load("c", scope="one").messages) == ["one", "two"]
        assert texts(store.load("c").messages) == ["one", "two"]

    def test_entries_are_those_that_the_saves_returned(self, store: Waiting) -> None:
        conversation = Conversation(conversation_id="c", messages=said("one", "two"))
        saved = store.save(conversation)
        conversation.messages += said("three")
        saved += store.save(conversation)
        assert store.load_entries("c") == saved
        assert store.load_entries("c", limit=2) == saved[1:]
        assert [found.parent_id for found in saved] == [None, saved[0].id, saved[1].id]

    def test_what_was_loaded_may_be_changed(self, store: Waiting) -> None:
        begun(store)
        found = store.load("c")
        found.messages[0].parts[0].content = "changed"
        found.usage.requests = 99
        assert texts(store.load("c").messages) == ["one", "two"]
        assert store.load("c").usage.requests == 0


class OfSaving:
    """`save`."""

    def test_only_what_is_new_is_stored(self, store: Waiting) -> None:
        conversation = Conversation(conversation_id="c", messages=said("one", "two"))
        assert [found.message for found in store.save(conversation)] == conversation.messages
        conversation.messages += said("three", "four")
        assert texts([found.message for found in store.save(conversation)]) == ["three", "four"]

    def test_nothing_new_stores_no_entries(self, store: Waiting) -> None:
        conversation = begun(store)
        assert store.save(conversation) == []
        assert texts(store.load("c").messages) == ["one", "two"]

    def test_every_save_has_a_new_revision(self, store: Waiting) -> None:
        conversation = begun(store)
        revisions = {conversation.revision}
        for _ in range(3):
            store.save(conversation)
            assert store.read_record("c").revision == conversation.revision
            revisions.add(conversation.revision)
        assert len(revisions) == 4

    def test_a_saved_conversation_can_be_saved_again(self, store: Waiting) -> None:
        conversation = begun(store)
        assert conversation.new_message_index == 2
        conversation.messages += said("three", "four")
        store.save(conversation)
        assert store.load("c") == conversation

    def test_what_a_run_trimmed_from_the_history_stays_stored(self, store: Waiting) -> None:
        begun(store, "c", "one", "two", "three", "four")

        async def the_last_one(messages: list[ModelMessage]) -> list[ModelMessage]:
            return messages[-1:]

        agent = Agent(TestModel(custom_output_text="six"), capabilities=[ProcessHistory(the_last_one)])
        result = store.wait(agent.run("five", conversation=store.load("c")))
        assert texts(result.all_messages()) == ["five", "six"]
        store.save(result)
        assert texts(store.load("c").messages) == ["one", "two", "three", "four", "five", "six"]
        assert store.read_record("c").branches == []

    def test_without_an_index_what_extends_the_history_is_appended(self, store: Waiting) -> None:
        begun(store)
        loaded = store.load("c")
        reread = dataclasses.replace(loaded, messages=[*loaded.messages, *said("three")], new_message_index=None)
        assert texts([found.message for found in store.save(reread)]) == ["three"]
        assert texts(store.load("c").messages) == ["one", "two", "three"]

    def test_a_rewritten_history_branches_off_the_last_message_of_both(self, store: Waiting) -> None:
        begun(store, "c", "one", "two", "three")
        before = store.load_entries("c")
        loaded = store.load("c")
        changed = [*loaded.messages[:1], answer("zwei"), ask("drei")]
        rewritten = dataclasses.replace(loaded, messages=changed, new_message_index=None)
        assert texts([found.message for found in store.save(rewritten)]) == ["zwei", "drei"]
        after = store.load_entries("c")
        assert texts([found.message for found in after]) == ["one", "zwei", "drei"]
        assert after[0] == before[0]
        assert store.read_record("c").branches == [before[-1].id]
        assert store.read_history(before[-1].id) == before

    def test_a_conversation_that_was_serialised_is_compared_with_as_many_messages(self, store: Waiting) -> None:
        begun(store, "c", "one", "two", "three", "four")
        window = store.load("c", limit=2)
        window.messages += said("five")
        again = ConversationTypeAdapter.validate_json(ConversationTypeAdapter.dump_json(window))
        assert texts([found.message for found in store.save(again)]) == ["five"]
        assert texts(store.load("c").messages) == ["one", "two", "three", "four", "five"]

    def test_a_replaced_message_before_the_index_branches(self, store: Waiting) -> None:
        begun(store, "c", "one", "two")
        loaded = store.load("c")
        loaded.messages[1] = answer("zwei")
        store.save(loaded)
        assert texts(store.load("c").messages) == ["one", "zwei"]
        assert len(store.read_record("c").branches) == 1

    def test_a_save_on_an_older_revision_is_a_conflict(self, store: Waiting) -> None:
        begun(store)
        mine, theirs = store.load("c"), store.load("c")
        theirs.messages += said("theirs")
        store.save(theirs)
        mine.messages += said("mine")
        with pytest.raises(ConversationConflict) as caught:
            store.save(mine)
        assert caught.value.conversation_id == "c"
        assert texts(store.load("c").messages) == ["one", "two", "theirs"]

    def test_a_conflict_is_a_user_error(self, store: Waiting) -> None:
        begun(store)
        with pytest.raises(UserError):
            store.save(Conversation(conversation_id="c", messages=said("other")))

    def test_a_new_conversation_under_a_stored_id_is_a_conflict(self, store: Waiting) -> None:
        begun(store)
        with pytest.raises(ConversationConflict):
            store.save(Conversation(conversation_id="c", messages=said("other")))
        assert texts(store.load("c").messages) == ["one", "two"]

    def test_saving_what_was_deleted_is_a_conflict(self, store: Waiting) -> None:
        conversation = begun(store)
        store.delete("c")
        conversation.messages += said("three")
        with pytest.raises(ConversationConflict):
            store.save(conversation)
        assert store.load("c") is None

    def test_saving_over_what_was_deleted_and_made_anew_is_a_conflict(self, store: Waiting) -> None:
        old = begun(store)
        store.delete("c")
        new = begun(store, "c", "other")
        assert old.revision != new.revision
        with pytest.raises(ConversationConflict):
            store.save(old)
        assert texts(store.load("c").messages) == ["other"]

    def test_after_a_conflict_one_loads_and_saves_again(self, store: Waiting) -> None:
        begun(store)
        mine = store.load("c")
        other = store.load("c")
        other.messages += said("theirs")
        store.save(other)
        mine.messages += said("mine")
        with pytest.raises(ConversationConflict):
            store.save(mine)
        again = store.load("c")
        again.messages += said("mine")
        store.save(again)
        assert texts(store.load("c").messages) == ["one", "two", "theirs", "mine"]

    def test_a_new_conversation_gets_the_scope(self, store: Waiting) -> None:
        begun(store, scope="one")
        assert store.read_record("c").scope == "one"

    def test_a_save_keeps_the_scope(self, store: Waiting) -> None:
        conversation = begun(store, scope="one")
        store.save(conversation)
        assert store.read_record("c").scope == "one"
        store.save(conversation, scope="one")
        assert store.read_record("c").scope == "one"

    def test_another_scope_is_a_conflict(self, store: Waiting) -> None:
        conversation = begun(store, scope="one")
        with pytest.raises(ConversationConflict):
            store.save(conversation, scope="two")
        assert store.read_record("c").scope == "one"

    def test_usage_and_deferred_requests_are_those_of_the_last_save(self, store: Waiting) -> None:
        conversation = begun(store)
        conversation.usage = RunUsage(requests=3, output_tokens=7)
        conversation.deferred_tool_requests = deferred()
        store.save(conversation)
        assert store.load("c").usage == RunUsage(requests=3, output_tokens=7)
        assert store.load("c").deferred_tool_requests == deferred()
        conversation.deferred_tool_requests = None
        store.save(conversation)
        assert store.load("c").deferred_tool_requests is None

    def test_what_was_saved_may_be_changed(self, store: Waiting) -> None:
        conversation = begun(store)
        part: Any = conversation.messages[0].parts[0]
        part.content = "changed"
        assert texts(store.load("c").messages) == ["one", "two"]

    def test_an_empty_conversation_is_one(self, store: Waiting) -> None:
        assert store.save(Conversation(conversation_id="c")) == []
        assert store.read_record("c").head_id is None
        assert store.load("c").messages == []

    def test_the_same_message_twice_is_two_entries(self, store: Waiting) -> None:
        message = ask("again")
        saved = store.save(Conversation(conversation_id="c", messages=[message, message]))
        assert len({found.id for found in saved}) == 2
        assert texts(store.load("c").messages) == ["again", "again"]

    def test_a_result_of_a_run_is_saved_and_goes_on(self, store: Waiting) -> None:
        agent = Agent(TestModel(custom_output_text="fine"))
        result = store.wait(agent.run("hello", conversation=Conversation(conversation_id="c")))
        assert len(store.save(result)) == 2
        assert result.conversation.revision == store.read_record("c").revision
        result = store.wait(agent.run("and now?", conversation=result.conversation))
        assert len(store.save(result)) == 2
        assert texts(store.load("c").messages) == ["hello", "fine", "and now?", "fine"]
        assert store.load("c").usage.requests == 2


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


class OfListingAndDeleting:
    """`list_conversations` and `delete`."""

    def test_conversations_are_listed_newest_save_first(self, store: Waiting) -> None:
        first = begun(store, "a")
        begun(store, "b")
        store.save(first)
        assert [found.conversation_id for found in store.list_conversations()] == ["a", "b"]
        assert [found.conversation_id for found in store.list_conversations(limit=1)] == ["a"]

    def test_conversations_are_listed_by_scope(self, store: Waiting) -> None:
        begun(store, "a", scope="one")
        begun(store, "b", scope="two")
        assert [found.conversation_id for found in store.list_conversations(scope="one")] == ["a"]

    def test_a_negative_limit_of_a_list_is_an_error(self, store: Waiting) -> None:
        with pytest.raises(UserError):
            store.list_conversations(limit=-1)

    def test_what_was_deleted_neither_loads_nor_lists(self, store: Waiting) -> None:
        begun(store)
        store.delete("c")
        assert store.load("c") is None
        assert store.load_entries("c") is None
        assert store.list_conversations() == []

    def test_deleting_needs_the_scope(self, store: Waiting) -> None:
        begun(store, scope="one")
        store.delete("c", scope="two")
        assert store.load("c") is not None
        store.delete("c", scope="one")
        assert store.load("c") is None

    def test_deleting_what_is_not_there_does_nothing(self, store: Waiting) -> None:
        store.delete("c")
        begun(store)
        store.delete("c")
        store.delete("c")
        assert store.load("c") is None


IDS = [
    "a", "A", "a/b", "a\\b", "a_b", "a b", "..", ".", "/", "~a", "~", "=", "\n", "%2F", "a/../b", "CON", "a.", "",
    "nul\0", "会话-ü-🚀", "x" * 3000, "é" * 600, "half-\ud83d", "half-\udcff", "summary", "log",
    "%~" + hashlib.sha256(b"x" * 3000).hexdigest(), "%", "%25",
]  # fmt: skip


class OfAnyText:
    """Ids and scopes of any kind are safe."""

    def test_every_id_is_a_conversation_of_its_own(self, store: Waiting) -> None:
        for id in IDS:
            begun(store, id, f"in {IDS.index(id)}")
        for id in IDS:
            assert texts(store.load(id).messages) == [f"in {IDS.index(id)}"]
            assert store.load(id).conversation_id == id
        assert sorted(found.conversation_id for found in store.list_conversations()) == sorted(IDS)
        store.delete(IDS[0])
        assert [id for id in IDS if store.load(id) is None] == IDS[:1]

    def test_every_scope_is_one_of_its_own(self, store: Waiting) -> None:
        for n, scope in enumerate(IDS):
            begun(store, f"c-{n}", scope=scope)
        assert {found.conversation_id: found.scope for found in store.list_conversations()} == {
            f"c-{n}": scope for n, scope in enumerate(IDS)
        }
        for n, scope in enumerate(IDS):
            assert store.load(f"c-{n}", scope=scope) is not None
            assert store.load(f"c-{n}", scope=IDS[n - 1]) is None
        for scope in "a", "", "half-\ud83d":
            assert [found.scope for found in store.list_conversations(scope=scope)] == [scope]


class OfTwoWriters:
    """Two workers on one conversation."""

    def test_of_saves_at_once_one_wins_and_the_others_are_told(self, store: Waiting) -> None:
        begun(store)
        loaded = [store.load("c") for _ in range(8)]
        for n, conversation in enumerate(loaded):
            conversation.messages += said(f"writer {n}")
        outcomes = store.at_once("save", loaded)
        won = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Exception)]
        assert len(won) == 1
        assert all(isinstance(outcome, ConversationConflict) for n, outcome in enumerate(outcomes) if n not in won)
        assert texts(store.load("c").messages) == ["one", "two", f"writer {won[0]}"]

    def test_of_first_saves_at_once_one_wins(self, store: Waiting) -> None:
        new = [Conversation(conversation_id="c", messages=said(f"writer {n}")) for n in range(8)]
        outcomes = store.at_once("save", new)
        (won,) = [n for n, outcome in enumerate(outcomes) if not isinstance(outcome, Exception)]
        assert texts(store.load("c").messages) == [f"writer {won}"]


class ConversationContract(
    OfPrimitives, OfLoading, OfSaving, OfBranching, OfForking, OfListingAndDeleting, OfAnyText, OfTwoWriters
):
    """All clauses."""


CLAUSES = [name for name in dir(ConversationContract) if name.startswith("test_")]
