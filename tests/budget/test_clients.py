"""The same calls cost the same requests through every client of S3: no HEAD, and no LIST beyond those of the design."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

import objstore
from objstore import Message, SessionData
from tests.servers.moto_server import MotoServer

from .test_requests import but_for_a_race, counted


@pytest.fixture(params=["fsspec", "obstore"])
def client(request: pytest.FixtureRequest) -> Any:
    if request.param == "obstore" and find_spec("obstore") is None:
        pytest.skip("obstore is not installed: pip install 'objstore[fast]'")
    return request.param


def test_the_life_of_a_session_costs_the_same_requests(
    bucket: str, s3_options: dict[str, Any], s3_server: MotoServer, client: Any
) -> None:
    def cost(call: Any, *args: Any, **named: Any) -> dict[str, int]:
        s3_server.reset()
        call(*args, **named)
        return counted(s3_server)

    store = objstore.open(f"s3://{bucket}/agents", storage_options=s3_options, client=client)
    session = SessionData.new("s")
    first = but_for_a_race(cost(store.save, session), lists=1 + 2)
    doubts = client == "obstore"  # that a place is empty
    assert first == {"GET": 1 + doubts, "LIST": 1 + 2, "PUT": 2 + 2}  # with the marker of a new store
    for turn in range(33):
        session.messages.append(Message.user(f"turn {turn}"))
        assert cost(store.save, session) == {"PUT": 1}
    assert cost(store.append, "s", messages=[Message.user("more")]) == {"PUT": 1}
    assert cost(store.load, "s") == {"GET": 1}
    assert cost(store.list) == {"LIST": 1}
    assert cost(store.exists, "nothing") == {"LIST": 2}
    reader = objstore.open(f"s3://{bucket}/agents", storage_options=s3_options, client=client)
    assert cost(reader.load, "s") == {"GET": 1 + 3, "LIST": 2}  # the marker, and commits 33 to 35
