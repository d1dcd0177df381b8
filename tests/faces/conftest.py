"""Two stores at one place, as two workers have them."""

from __future__ import annotations

import uuid

import pytest

import objstore
from objstore import SessionStore


@pytest.fixture
def url() -> str:
    return f"memory://faces/{uuid.uuid4().hex}"


@pytest.fixture
def one(url: str) -> SessionStore:
    return objstore.open(url)


@pytest.fixture
def other(url: str) -> SessionStore:
    return objstore.open(url)
