"""The protocol, clause by clause: what the SDK's own session does, ours does."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("agents", reason="openai-agents is not installed: pip install 'objstore[openai-agents]'")

from agents import Session, SessionSettings

from objstore.integrations.openai_agents import ObjstoreSession
from tests.integrations.openai_agents.sessions import BIG, Open, contents, documents, opener, user
from tests.places import Place


def test_it_is_a_session(open_any: Open) -> None:
    session = open_any("an id")
    assert isinstance(session, Session)
    assert session.session_id == "an id"
    assert session.session_settings == SessionSettings()


def test_a_new_session_is_empty(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        assert await session.get_items() == []
        assert await session.get_items(3) == []
        assert await session.pop_item() is None
        await session.clear_session()
        assert await session.get_items() == []

    asyncio.run(main())


def test_items_come_back_in_the_order_in_which_they_were_added(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        await session.add_items([user(1), user(2)])
        await session.add_items([])
        await open_any().add_items([user(3)])
        for reader in (session, open_any()):
            assert contents(await reader.get_items()) == [1, 2, 3]

    asyncio.run(main())


@pytest.mark.parametrize(("limit", "expected"), [(None, 5), (1, 1), (3, 3), (5, 5), (9, 5), (0, 0), (-1, 5), (-7, 5)])
@pytest.mark.parametrize("kind", ["sqlite", "memory"])
def test_a_limit_gives_the_newest_items_in_their_order(
    kind: str, limit: int | None, expected: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    open_any = opener(kind, request, tmp_path)

    async def main() -> None:
        session = open_any()
        await session.add_items([user(n) for n in range(5)])
        assert contents(await session.get_items(limit)) == [*range(5)][5 - expected :]
        by_setting = open_any(session_settings=SessionSettings(limit=limit))
        assert contents(await by_setting.get_items()) == [*range(5)][5 - expected :]
        assert contents(await by_setting.get_items(2)) == [3, 4]

    asyncio.run(main())


def test_settings_may_be_a_dict_and_are_looked_at_when_they_are_given(open_any: Open) -> None:
    session = open_any(session_settings={"limit": 2})
    assert session.session_settings == SessionSettings(limit=2)
    asyncio.run(session.add_items([user(n) for n in range(5)]))
    assert contents(asyncio.run(session.get_items())) == [3, 4]
    with pytest.raises(TypeError, match="limits"):
        open_any(session_settings={"limits": 2})


def test_items_are_taken_away_from_the_end(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        await session.add_items([user(1), user(2), user(3)])
        assert await session.pop_item() == user(3)
        assert await open_any().pop_item() == user(2)
        await session.add_items([user(4)])
        assert contents(await session.get_items()) == [1, 4]
        assert [await session.pop_item() for _ in range(3)] == [user(4), user(1), None]
        assert await session.get_items() == []
        await session.add_items([user(5)])
        assert contents(await session.get_items()) == [5]

    asyncio.run(main())


def test_clearing_takes_all_away_and_the_session_goes_on(open_any: Open) -> None:
    async def main() -> None:
        session, other = open_any(), open_any("other")
        await session.add_items([user(1)])
        await other.add_items([user(2)])
        await session.clear_session()
        assert await open_any().get_items() == []
        assert await session.pop_item() is None
        await session.clear_session()
        assert contents(await other.get_items()) == [2]
        await session.add_items([user(3)])
        assert contents(await session.get_items()) == [3]

    asyncio.run(main())


ODD = (
    "a/b", "a", "b", "A", "..", ".", "../../etc/passwd", "", " ", "%", "%2f", "a%2fb", "a\\b", "CON", "\x00", "\n",
    "%~", "caf\u00e9", "cafe\u0301", "\U0001f680", "x" * 1025, "x" * 5000, "x" * 4999 + "y", "\u65e5" * 400, "0", "-1",
)  # fmt: skip


def test_session_ids_of_any_kind_stay_apart(open_any: Open) -> None:
    async def main() -> None:
        sessions = [open_any(id, same=True) for id in ODD]
        for n, session in enumerate(sessions):
            await session.add_items([user(n)])
        for n, session in enumerate(sessions):
            assert contents(await session.get_items()) == [n]
        await open_any("..").clear_session()
        assert [len(await session.get_items()) for session in sessions].count(0) == 1

    asyncio.run(main())


def test_a_session_id_with_a_lone_surrogate_is_kept_apart_too(memory: Place) -> None:
    async def main() -> None:
        for n, id in enumerate(("\ud83d", "%ed", "\udc80")):
            await ObjstoreSession(id, documents(memory)).add_items([user(n)])
        assert contents(await ObjstoreSession("\ud83d", documents(memory)).get_items()) == [0]

    asyncio.run(main())


ITEMS: list[Any] = [
    {"role": "user", "content": "caf\u00e9 \U0001f680 \x00 \u2028 \ufeff"},
    {"z": 1, "a": 2, "=": "=", "=list": ["="], "": None, "id": None},
    {"numbers": [0, -0.0, 1.0, 1e-300, 1.7976931348623157e308, 10**30, 2**63, True, False]},
    {"nested": [[[{"deep": [{}, [], ""]}]]]},
    "a text", 5, None, [], {}, [{"json": "text"}], {"json": "text"}, {"json": {"json": 1}}, True,
    {"cut within a character": "\ud83d", "\udc80": 1},
    {"not a number": math.inf, "nor that": math.nan},
    {"big": BIG, "again": [BIG]},
]  # fmt: skip


def test_items_that_are_any_json_are_kept_byte_for_byte(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        for item in ITEMS:
            await session.add_items([item])
        await session.add_items(ITEMS)
        expected = [json.dumps(item) for item in ITEMS]
        for reader in (session, open_any()):
            assert [json.dumps(item) for item in await reader.get_items()] == expected * 2
        reader = open_any()
        for text in reversed(expected):
            assert json.dumps(await reader.pop_item()) == text

    asyncio.run(main())


def test_what_is_no_json_is_refused_and_nothing_of_its_call_is_kept(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        await session.add_items([user(1)])
        with pytest.raises(TypeError):
            await session.add_items([user(2), user({3})])
        assert contents(await session.get_items()) == [1]
        await session.add_items([{1: (2, 3)}])  # what json makes of it
        assert (await session.get_items())[1:] == [{"1": [2, 3]}]

    asyncio.run(main())


@pytest.mark.parametrize("one", [user(1), "an item"], ids=["an item", "a text"])
def test_one_item_is_no_list_of_its_keys_or_letters(memory: Place, one: Any) -> None:
    async def main() -> None:
        session = ObjstoreSession("session", documents(memory))
        with pytest.raises(TypeError, match=r"^items must be a list, not (dict|str); give one as \[it\]$"):
            await session.add_items(one)
        assert await session.get_items() == []

    asyncio.run(main())


def test_what_was_added_or_read_can_be_changed_without_changing_what_is_kept(open_any: Open) -> None:
    async def main() -> None:
        session = open_any()
        mine = [user([1]), user([2])]
        adding = [asyncio.ensure_future(session.add_items(mine[:1])), asyncio.ensure_future(session.add_items(mine))]
        await asyncio.sleep(0)
        await asyncio.gather(*adding)
        mine[0]["content"].append("mine")
        found = await session.get_items()
        found[0]["content"].append("mine")
        assert sorted(contents(await session.get_items())) == [[1], [1], [2]]

    asyncio.run(main())


def test_items_that_wait_for_their_turn_are_kept_as_they_were_given(memory: Place) -> None:
    async def main() -> None:
        session = ObjstoreSession("session", documents(memory))
        given = [user(1)]
        adding = [asyncio.ensure_future(session.add_items(items)) for items in ([user(0)], given)]
        await asyncio.sleep(0)
        given[0]["content"] = "changed"
        await asyncio.gather(*adding)
        assert contents(await session.get_items()) == [0, 1]

    asyncio.run(main())
