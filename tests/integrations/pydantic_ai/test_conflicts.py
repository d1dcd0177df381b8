"""Workers on one conversation, in one process and in several."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pydantic_ai.conversation_store", reason="pydantic-ai is not installed (objstore[pydantic-ai])")

from pydantic_ai import BinaryImage
from pydantic_ai.conversation import Conversation
from pydantic_ai.conversation_store import ConversationConflict, ConversationRecord
from pydantic_ai.messages import (
    ModelRequest,
    UserPromptPart,
)

import objstore
from objstore import AsyncDocumentStore, DocumentStore
from objstore.integrations.pydantic_ai import ObjstoreConversationStore
from tests.integrations.pydantic_ai.agents import UNLIMITED, agent, opened
from tests.integrations.pydantic_ai.conversations import answer, begun, entry, record, said, texts
from tests.integrations.waiting import Waiting


def test_workers_on_one_conversation_lose_no_turn(url: str) -> None:
    """Four workers with a store and a loop of their own; each runs its turns again when it was too late."""
    workers, turns = 4, 5

    def work(worker: int) -> int:
        conflicts = 0
        with asyncio.Runner() as runner:
            store, model = opened(url, runner), agent()
            for n in range(turns):
                while True:
                    conversation = store.load("c") or Conversation(conversation_id="c")
                    prompt = f"worker {worker} turn {n}"
                    result = store.wait(model.run(prompt, conversation=conversation, usage_limits=UNLIMITED))
                    try:
                        store.save(result)
                        break
                    except ConversationConflict:
                        conflicts += 1
        return conflicts

    with ThreadPoolExecutor(workers) as pool:
        conflicts = sum(pool.map(work, range(workers)))
    with asyncio.Runner() as runner:
        messages = opened(url, runner).load("c").messages
    asked = [text for text in texts(messages) if text.startswith("worker")]
    assert sorted(asked) == [f"worker {worker} turn {n}" for worker in range(workers) for n in range(turns)]
    assert len(messages) == 4 * workers * turns
    print(f"{workers * turns} turns of {workers} workers, {conflicts} of them run again")


def test_processes_on_one_conversation_lose_no_turn(tmp_path: Path, runner: asyncio.Runner) -> None:
    names, turns, target = ("one", "two", "three"), 4, str(tmp_path / "conversations")
    command = [sys.executable, "-m", "tests.integrations.pydantic_ai.worker", target]
    root = Path(__file__).parents[3]
    workers = [subprocess.Popen([*command, name, str(turns)], cwd=root) for name in names]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    messages = opened(target, runner).load("c").messages
    asked = texts(messages)[::2]
    assert sorted(asked) == sorted(f"{name} {n}" for name in names for n in range(turns))
    assert [text for text in asked if text.startswith("one")] == [f"one {n}" for n in range(turns)]
    assert texts(messages)[1::2] == ["fine"] * len(names) * turns


def test_a_conversation_can_be_saved_by_another_store_than_loaded_it(url: str, runner: asyncio.Runner) -> None:
    one, other = opened(url, runner), opened(url, runner)
    begun(one)
    for store, other_store in (one, other), (other, one), (one, other):
        other_store.load("c")
        conversation = store.load("c")
        conversation.messages += said("more")
        store.save(conversation)
        conversation.messages += said("and more")
        other_store.save(conversation)
    assert len(one.load("c").messages) == 2 + 6
    assert one.read_record("c").branches == []


def test_a_record_is_written_on_one_that_this_store_never_saw(url: str, runner: asyncio.Runner) -> None:
    one, other = opened(url, runner), opened(url, runner)
    first, second, third = (ConversationRecord(conversation_id="c", head_id=None) for _ in range(3))
    one.write_record(first, expected_revision=None)
    other.write_record(second, expected_revision=first.revision)
    one.write_record(third, expected_revision=second.revision)
    assert other.read_record("c") == third


@pytest.mark.parametrize("read", [False, True])
def test_a_save_stands_on_the_record_as_it_was_written(url: str, runner: asyncio.Runner, read: bool) -> None:
    store, first = opened(url, runner), entry("e1")
    written = record("c", "e1", branches=["b"])
    store.write_record(written, new_entries=[first], expected_revision=None)
    (store.read_record("c") if read else written).branches.append("x")
    store.save(Conversation(conversation_id="c", messages=[first.message, answer("there")], revision=written.revision))
    assert store.read_record("c").branches == ["b"]


def test_of_entries_from_another_conversation_those_that_are_there_are_not_stored_again(
    url: str, runner: asyncio.Runner
) -> None:
    store = opened(url, runner)
    entries = [entry("e1"), entry("e2", "e1"), entry("e3", "e2")]
    store.write_record(record("c", "e3"), new_entries=entries, expected_revision=None)
    fork = record("d", "e1", forked_from="c")
    store.write_record(fork, new_entries=entries[:1], expected_revision=None)
    further = record("d", "e4", forked_from="c")
    store.write_record(further, new_entries=[entry("e4", "e3")], expected_revision=fork.revision)
    with DocumentStore(url) as documents:
        document = documents.load("d")
    assert document is not None
    stored: Any = document.parts["entries"]
    assert [one["value"]["id"] for one in stored] == ["e1", "e2", "e3", "e4"]


def test_a_store_that_remembers_what_was_deleted_elsewhere_can_save_it_anew(url: str, runner: asyncio.Runner) -> None:
    one, other = opened(url, runner), opened(url, runner)
    begun(one)
    other.delete("c")
    begun(one, "c", "new")
    assert texts(other.load("c").messages) == ["new"]


def test_a_history_that_is_deleted_while_it_is_read_is_none(url: str, runner: asyncio.Runner) -> None:
    other = opened(url, runner)
    image = BinaryImage(data=bytes(100_000), media_type="image/png")
    other.save(Conversation(conversation_id="c", messages=[ModelRequest(parts=[UserPromptPart(content=[image])])]))
    documents = _DeletingBetween(url)
    store = Waiting(ObjstoreConversationStore(documents), runner)
    documents.between = lambda: other.inner.delete("c")
    assert store.load("c") is None


class _DeletingBetween(AsyncDocumentStore):
    """Somebody deletes the conversation between its entries and the large values that they name."""

    between: Any = None

    async def load(self, id: str, **arguments: Any) -> objstore.Document | None:
        document = await super().load(id, **arguments)
        if self.between:
            between, self.between = self.between, None
            await between()
        return document
