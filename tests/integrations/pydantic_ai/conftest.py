"""Conversation stores in memory, each test's own, and a loop to wait for them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.integrations.waiting import Waiting

if TYPE_CHECKING:
    from objstore.integrations.pydantic_ai import ObjstoreConversationStore


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def url() -> str:
    return f"memory://conversations/{uuid.uuid4().hex}"


@pytest.fixture
def store(url: str, runner: asyncio.Runner) -> Waiting[ObjstoreConversationStore]:
    from tests.integrations.pydantic_ai.agents import opened

    return opened(url, runner)
