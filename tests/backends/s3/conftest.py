"""A scripted server of S3, and a backend on it through each client, for which nothing waits."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import pytest

from objstore.backends._adapter import running_loop
from objstore.backends.base import Backend
from tests.backends.s3.calls import at
from tests.servers.scripted import ScriptedServer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait for nothing between attempts; give what would have been waited."""
    import objstore.backends.remote as remote

    waits: list[float] = []

    class Clockless:
        def __getattr__(self, name: str) -> Any:
            import asyncio

            return getattr(asyncio, name)

        @staticmethod
        async def sleep(seconds: float) -> None:
            waits.append(seconds)

    def sleep(seconds: float) -> None:
        assert running_loop() is None, "everybody else on this loop would wait too"
        waits.append(seconds)

    monkeypatch.setattr(remote, "asyncio", Clockless())
    monkeypatch.setattr(remote, "time", SimpleNamespace(sleep=sleep))
    return waits


@pytest.fixture(scope="module", params=["fsspec", "obstore", "obstore, on a loop"])
def client(request: pytest.FixtureRequest) -> str:
    if request.param != "fsspec" and find_spec("obstore") is None:
        pytest.skip("obstore is not installed: pip install 'objstore[fast]'")
    return str(request.param)


@pytest.fixture(scope="module")
def place(scripted: ScriptedServer, client: str) -> Iterator[Backend]:
    place = at(scripted, client)
    yield place
    place.close()
