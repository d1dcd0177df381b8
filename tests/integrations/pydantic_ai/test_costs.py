"""What loads and saves of conversations cost, and that nothing is written or read that need not be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("pydantic_ai.conversation_store", reason="pydantic-ai is not installed (objstore[pydantic-ai])")

from pydantic_ai.conversation import Conversation
from pydantic_ai.messages import (
    ModelMessagesTypeAdapter,
)

import objstore
from objstore._format.views import ObjectView
from objstore.integrations.pydantic_ai import ObjstoreConversationStore
from tests.budget.test_requests import but_for_a_race, counted
from tests.integrations.pydantic_ai.agents import UNLIMITED, agent, opened, worked
from tests.integrations.pydantic_ai.conversations import begun, said, texts
from tests.integrations.waiting import Waiting
from tests.servers.moto_server import MotoServer

TURNS = 200


def used(store: Waiting[ObjstoreConversationStore]) -> None:
    begun(store, "another")


def test_two_hundred_turns_of_an_agent_that_loads_and_saves_cost_two_requests_each(
    bucket: str,
    s3_options: dict[str, Any],
    s3_server: MotoServer,
    runner: asyncio.Runner,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = opened(f"s3://{bucket}/agents", runner, storage_options=s3_options)
    used(store)
    model = agent()
    turns: list[dict[str, int]] = []
    for n in range(TURNS):
        if n < 3:
            s3_server.reset()
        conversation = store.load("c", limit=8) or Conversation(conversation_id="c")
        prompt = f"What is there in turn {n}?"
        store.save(store.wait(model.run(prompt, conversation=conversation, usage_limits=UNLIMITED)))
        if n < 2:
            turns.append(counted(s3_server))
    turns.append(counted(s3_server))
    total = sum(sum(counts.values()) for counts in turns)
    with capsys.disabled():
        print(
            f"\n{TURNS} turns of an agent, loaded and saved: {total} requests: {turns[0]}, {turns[1]}, then {turns[2]}"
        )
    assert but_for_a_race(turns[0], 4) == {"LIST": 4, "PUT": 2}
    assert turns[1] == {"GET": 1, "PUT": 1}
    assert turns[2] == {"GET": TURNS - 2, "PUT": TURNS - 2 + 6}  # and six leaves of what got long
    assert len(store.load("c").messages) == 4 * TURNS


def test_two_hundred_saves_cost_one_request_each(
    bucket: str,
    s3_options: dict[str, Any],
    s3_server: MotoServer,
    runner: asyncio.Runner,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = opened(f"s3://{bucket}/agents", runner, storage_options=s3_options)
    used(store)
    conversation = Conversation(conversation_id="c")
    s3_server.reset()
    for n in range(TURNS):
        conversation.messages += worked(n)
        store.save(conversation)
    counts = counted(s3_server)
    with capsys.disabled():
        print(f"\n{TURNS} saves, each of a turn of 4 messages: {counts}")
    assert but_for_a_race(counts) == {"LIST": 2, "PUT": TURNS + 1 + 6}  # the hint of a new document, and leaves
    assert store.load("c") == conversation


def test_a_save_costs_what_it_adds(url: str, runner: asyncio.Runner) -> None:
    sizes: list[int] = []

    def watch(event: objstore.Event) -> None:
        if isinstance(event, objstore.OperationEvent) and event.operation == "create":
            sizes.append(event.size)

    store = opened(url, runner, observer=watch)
    used(store)
    conversation = Conversation(conversation_id="c")
    sizes.clear()
    for n in range(2 * TURNS):
        conversation.messages += worked(n)
        store.save(conversation)
    payload = len(ModelMessagesTypeAdapter.dump_json(conversation.messages))
    plain = sorted(sizes)[TURNS // 10 : TURNS * 19 // 10]
    print(
        f"{2 * TURNS} saves: {payload:,} bytes of messages, {sum(sizes):,} sent, {plain[0]:,} to {plain[-1]:,} a save"
    )
    assert sum(sizes) < payload / 2
    assert 1000 < plain[0] <= plain[-1] < 1200


def test_a_save_touches_no_entry_that_is_there(
    store: Waiting[ObjstoreConversationStore], touched: list[ObjectView]
) -> None:
    conversation = begun(store, "c", *(f"message {n}" for n in range(500)))
    touched.clear()
    conversation.messages += said("one more")
    store.save(conversation)
    assert len(touched) < 10


def test_a_long_history_is_read_at_once(
    bucket: str, s3_options: dict[str, Any], s3_server: MotoServer, runner: asyncio.Runner
) -> None:
    url = f"s3://{bucket}/agents"
    writer = opened(url, runner, storage_options=s3_options)
    conversation = Conversation(conversation_id="c")
    for n in range(50):
        conversation.messages += said(*(f"message {n * 20 + m}" for m in range(20)))
        writer.save(conversation)
    reader = opened(url, runner, storage_options=s3_options)
    s3_server.reset()
    assert len(reader.load("c").messages) == 1000
    cold = counted(s3_server)
    s3_server.reset()
    assert texts(reader.load("c", limit=2).messages) == ["message 998", "message 999"]
    warm = counted(s3_server)
    print(f"1,000 messages of 50 saves: cold {cold}, and the last two of them warm {warm}")
    assert cold == {"LIST": 2, "GET": 20}
    assert warm == {"GET": 1}


def test_a_list_costs_two_lists_and_a_get_for_each_conversation(
    bucket: str, s3_options: dict[str, Any], s3_server: MotoServer, runner: asyncio.Runner
) -> None:
    store = opened(f"s3://{bucket}/agents", runner, storage_options=s3_options)
    for n in range(10):
        begun(store, f"c-{n}")
    s3_server.reset()
    assert len(store.list_conversations(limit=3)) == 3
    assert counted(s3_server) == {"LIST": 1 + 2 * 10, "GET": 10}


def test_what_branches_and_forks_cost(
    bucket: str, s3_options: dict[str, Any], s3_server: MotoServer, runner: asyncio.Runner
) -> None:
    store = opened(f"s3://{bucket}/agents", runner, storage_options=s3_options)
    conversation = begun(store, "c", "one", "two", "three")
    s3_server.reset()
    store.branch("c", at=2, expected_revision=conversation.revision)
    branch = counted(s3_server)
    s3_server.reset()
    store.fork("c", new_conversation_id="d")
    fork = counted(s3_server)
    print(f"a branch costs {branch}, a fork {fork}")
    assert branch == {"GET": 1, "PUT": 1}
    assert but_for_a_race(fork) == {"GET": 1, "LIST": 2, "PUT": 2}
