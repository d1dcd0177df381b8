from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from objstore.backends import open_backend
from objstore.backends.base import AsyncBackend, Backend
from objstore.errors import PermissionDeniedError, UnavailableError
from objstore.testing.backend import BackendTests
from tests.servers.sftp_server import sftp_server

pytest.importorskip("paramiko", reason="paramiko is not installed: pip install 'objstore[sftp]'")
pytest.importorskip("asyncssh", reason="asyncssh is not installed, so there is no SFTP server to test against")

_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with sftp_server() as port:
        yield port


def options(port: int, **others: Any) -> dict[str, Any]:
    return {"port": port, "username": "u", "password": "p", "allow_agent": False, "look_for_keys": False, **others}


class TestSftp(BackendTests):
    many = 50
    big = 50_000

    @pytest.fixture
    def backend(self, port: int, tmp_path: Path) -> Iterator[Backend | AsyncBackend]:
        backend = open_backend(f"sftp://127.0.0.1{tmp_path}/store", storage_options=options(port))
        yield backend
        backend.close()

    def test_promises_an_atomic_put_and_no_exclusive_create(self, place: Backend) -> None:
        assert place.name == "sftp"
        assert (place.capabilities.exclusive_create, place.capabilities.atomic_put) == (False, True)


def test_a_wrong_password_is_a_refusal(port: int, tmp_path: Path) -> None:
    backend = open_backend(f"sftp://127.0.0.1{tmp_path}", storage_options=options(port, password="wrong-password"))
    assert isinstance(backend, Backend)
    with pytest.raises(PermissionDeniedError, match="Mend the credentials") as caught:
        backend.get("a")
    assert "wrong-password" not in str(caught.value)


def test_a_server_that_went_away_is_unavailable(tmp_path: Path) -> None:
    with sftp_server() as port:
        backend = open_backend(f"sftp://127.0.0.1{tmp_path}", storage_options=options(port))
        assert isinstance(backend, Backend)
        backend.put("a", b"1")
    with pytest.raises(UnavailableError):
        backend.get("a")
