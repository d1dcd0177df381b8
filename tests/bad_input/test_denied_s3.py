"""A bucket that is not there, one that lets us read only, list nothing or write nothing, and wrong credentials."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import objstore
from objstore import (
    BackendError,
    Message,
    OutcomeUnknownError,
    PermissionDeniedError,
    SessionData,
    SessionStore,
    UnavailableError,
)
from tests.bad_input.damage import TURNS, fill, turns
from tests.bad_input.guard import ALL, READ, Guard, guard
from tests.conftest import options_for
from tests.servers.moto_server import MotoServer
from tests.servers.scripted import ScriptedServer, s3_error

READS: dict[str, Callable[[SessionStore], object]] = {
    "load": lambda store: turns(store.load("s")) == TURNS,
    "load at": lambda store: turns(store.load("s", at=2)) == 2,
    "load nothing": lambda store: store.load("nobody") is None,
    "bundle": lambda store: store.load_bundle("s") is not None,
    "list": lambda store: store.list() == ["s"],
    "exists": lambda store: store.exists("s"),
    "history": lambda store: len(store.history("s")) == TURNS,
    "summaries": lambda store: len(store.summaries(["s"])) == 1,
    "verify": lambda store: store.verify().ok,
}
WRITES: dict[str, Callable[[SessionStore], object]] = {
    "save": lambda store: store.save(SessionData.new("t")),
    "append": lambda store: store.append("s", messages=[Message.user("x")]),
    "traces": lambda store: store.save_trace_events("s", []),
    "restore": lambda store: store.restore("s", 1),
    "delete": lambda store: store.delete("s"),
    "health_check": lambda store: store.health_check(),
}


@pytest.fixture
def guarded(s3_server: MotoServer, bucket: str) -> Iterator[tuple[SessionStore, Guard]]:
    with guard(s3_server.url) as before:
        store = objstore.open(f"s3://{bucket}/agents", storage_options=options_for(before.url), retries=0)
        fill(store, "s")
        yield objstore.open(f"s3://{bucket}/agents", storage_options=options_for(before.url), retries=0), before


def test_a_read_only_bucket_can_be_read(guarded: tuple[SessionStore, Guard]) -> None:
    store, before = guarded
    before.allowed = READ
    for name, read in READS.items():
        assert read(store), name


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_a_write_to_a_read_only_bucket_is_denied_and_changes_nothing(
    guarded: tuple[SessionStore, Guard], write: Callable[[SessionStore], object]
) -> None:
    store, before = guarded
    before.allowed = READ
    with pytest.raises(PermissionDeniedError, match="s3://"):
        write(store)
    before.allowed = ALL
    assert store.list() == ["s"]
    assert turns(store.load("s")) == TURNS
    write(store)  # the same store goes on once it may


def test_without_the_right_to_list_it_says_so_and_never_that_nothing_is_there(
    guarded: tuple[SessionStore, Guard],
) -> None:
    store, before = guarded
    before.allowed = ALL - {"LIST"}
    for call in (READS["load"], READS["list"], READS["exists"], READS["history"], READS["verify"]):
        with pytest.raises(PermissionDeniedError, match="right to list"):
            call(store)
    with pytest.raises(OutcomeUnknownError) as caught:  # it was created beside the list that was to confirm it
        store.save(SessionData.new("t"))
    assert isinstance(caught.value.__cause__, PermissionDeniedError)
    before.allowed = ALL
    assert store.exists("t")
    assert store.verify().ok


def test_without_the_right_to_delete_saving_goes_on(guarded: tuple[SessionStore, Guard]) -> None:
    store, before = guarded
    before.allowed = ALL - {"DELETE", "POST"}
    store.append("s", messages=[Message.user("x")])
    store.save(SessionData.new("t"))
    with pytest.raises(PermissionDeniedError):
        store.delete("t")
    assert not store.exists("t")  # the tombstone is there, what it makes useless was left
    before.allowed = ALL
    store.delete("t")
    assert store.list() == ["s"]


def test_a_bucket_that_is_not_there_is_named(s3_server: MotoServer) -> None:
    options = options_for(s3_server.url)
    store = objstore.open("s3://no-such-bucket/agents", storage_options=options, retries=0)
    for call in (
        lambda: store.load("s"),
        lambda: store.list(),
        lambda: store.save(SessionData.new("s")),
        lambda: store.health_check(),
    ):
        with pytest.raises(BackendError, match="'no-such-bucket' does not exist") as caught:
            call()
        assert not isinstance(caught.value, UnavailableError | PermissionDeniedError)

    async def awaited() -> None:
        async with objstore.open_async("s3://no-such-bucket/agents", storage_options=options, retries=0) as other:
            await other.save(SessionData.new("s"))

    with pytest.raises(BackendError, match="does not exist"):
        asyncio.run(awaited())


CODES = ["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "AccessDenied", "RequestTimeTooSkewed"]


@pytest.mark.parametrize("code", CODES)
def test_wrong_credentials_are_told_from_everything_else(scripted: ScriptedServer, code: str) -> None:
    scripted.play(s3_error(403, code))
    store = objstore.open("s3://bucket/agents", storage_options=options_for(scripted.url))
    for call in (lambda: store.load("s"), lambda: store.save(SessionData.new("s")), lambda: store.list()):
        scripted.play(s3_error(403, code))
        with pytest.raises(PermissionDeniedError, match=code):
            call()
        assert len(scripted.requests) == len({*scripted.requests})  # what will not change is not asked again


def test_no_credentials_at_all_are_told_as_such(
    scripted: ScriptedServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    options = {"endpoint_url": scripted.url, "client_kwargs": {"region_name": "us-east-1"}}
    with pytest.raises(PermissionDeniedError, match="no credentials"):
        objstore.open("s3://bucket/agents", storage_options=options).load("s")


def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = objstore.open("s3://bucket/agents", storage_options=options_for("http://127.0.0.1:1"), retries=0)
    with pytest.raises(UnavailableError, match="Try again"):
        store.load("s")
