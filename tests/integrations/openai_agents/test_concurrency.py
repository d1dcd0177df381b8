"""Several calls, tasks and processes on one session at once."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

pytest.importorskip("agents", reason="openai-agents is not installed: pip install 'objstore[openai-agents]'")


from objstore import AsyncDocumentStore, OutcomeUnknownError
from objstore.integrations.openai_agents import ObjstoreSession
from tests.integrations.conftest import Silent
from tests.integrations.openai_agents.sessions import BIG, Open, contents, documents, user
from tests.places import Place, make_place


def test_concurrent_adds_all_stay_and_those_of_one_call_together(open_any: Open) -> None:
    async def main() -> None:
        sessions = [open_any() for _ in range(3)]
        await asyncio.gather(*(sessions[n % 3].add_items([user((n, "a")), user((n, "b"))]) for n in range(30)))
        found = contents(await open_any().get_items())
        assert sorted(found) == [[n, part] for n in range(30) for part in "ab"]
        assert all(found[n + 1] == [found[n][0], "b"] for n in range(0, 60, 2))

    asyncio.run(main())


def test_adds_of_one_session_land_in_the_order_of_their_calls(place: Place) -> None:
    async def main() -> None:
        session = ObjstoreSession("session", documents(place))
        await asyncio.gather(*(session.add_items([user(n)]) for n in range(20)))
        assert contents(await session.get_items()) == [*range(20)]

    asyncio.run(main())


def test_no_two_are_given_the_same_item(open_any: Open) -> None:
    async def main() -> None:
        sessions = [open_any() for _ in range(4)]
        await sessions[0].add_items([user(n) for n in range(20)])
        popped = await asyncio.gather(*(sessions[n % 4].pop_item() for n in range(24)))
        assert sorted(contents(item for item in popped if item)) == [*range(20)]
        assert popped.count(None) == 4

    asyncio.run(main())


def test_no_two_are_given_the_same_big_item(memory: Place) -> None:
    async def main() -> None:
        sessions = [ObjstoreSession("session", documents(memory)) for _ in range(4)]
        await sessions[0].add_items([user(BIG + str(n)) for n in range(8)])
        popped = await asyncio.gather(*(sessions[n % 4].pop_item() for n in range(10)))
        assert sorted(contents(item for item in popped if item)) == [BIG + str(n) for n in range(8)]

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_processes_lose_nothing_and_are_given_nothing_twice(kind: str, request: pytest.FixtureRequest) -> None:
    place = make_place(kind, request)
    command = [sys.executable, "-m", "tests.integrations.openai_agents.worker", place.target, json.dumps(place.options)]
    workers = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "xy"]
    popped = [json.loads(line)["content"] for worker in workers for line in worker.communicate()[0].splitlines()]
    assert [worker.returncode for worker in workers] == [0, 0]
    left = contents(asyncio.run(ObjstoreSession("shared", documents(place)).get_items()))
    assert sorted(left + popped) == sorted(f"{name}-{n:04}-{part}" for name in "xy" for n in range(10) for part in "ab")
    assert len(popped) == 20
    for name in "xy":
        mine = [content for content in left if content[0] == name]
        assert mine == sorted(mine)


def test_an_unknown_outcome_is_told_and_what_arrived_is_there_once() -> None:
    place = Silent()

    async def main() -> None:
        session = ObjstoreSession("session", AsyncDocumentStore(place.backend))
        await session.add_items([user(1)])
        place.silent = True
        with pytest.raises(OutcomeUnknownError):
            await session.add_items([user(2)])
        place.silent = False
        assert contents(await session.get_items()) == [1, 2]

    asyncio.run(main())
