"""The sessions that are held against each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.places import PLACES

if TYPE_CHECKING:
    from tests.integrations.openai_agents.sessions import Open


@pytest.fixture(params=["sqlite", *PLACES])
def open_any(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """The SDK's own session, or ours at one of the places."""
    from tests.integrations.openai_agents.sessions import opener

    return opener(request.param, request, tmp_path)
