"""Loading and saving conversations, each clause of what pydantic-ai documents a test."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from pydantic_ai import Agent, UserError
from pydantic_ai.capabilities import ProcessHistory
from pydantic_ai.conversation import Conversation, ConversationTypeAdapter
from pydantic_ai.conversation_store import ConversationConflict
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

from tests.integrations.pydantic_ai.conversations import Waiting, answer, ask, begun, deferred, said, texts


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
