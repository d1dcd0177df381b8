"""Writers on S3 behind a proxy that breaks connections: what was acknowledged is there, once and whole."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

import objstore
from objstore import (
    ArtifactStore,
    Message,
    OutcomeUnknownError,
    Revision,
    SessionData,
    SessionStore,
    UnavailableError,
)
from objstore.testing.racing import at_once
from objstore.testing.samples import artifact, loaded, texts, trace
from tests.conftest import options_for
from tests.servers.moto_server import MotoServer
from tests.servers.proxy import Proxy, breaking_proxy

SEED = 20261122
WRITERS = 4
RATE = 0.15
MOST = 10  # turns for each break that is wanted: some twenty times what it takes
ATTEMPTS = 1_000  # of a save: of ten, one comes through
BIG = 300_000  # above what stands in a commit, so that it is an object of its own, and a body to be cut


class Writer:
    """Appends to a session that all share, and keeps one of its own; repeats under one key what was not answered."""

    def __init__(self, name: str, store: SessionStore) -> None:
        self.name = name
        self.store = store
        self.acknowledged: list[str] = []
        self.unknown = 0
        self._own = SessionData.new(name)
        self._outputs = ArtifactStore()

    def work(self, proxy: Proxy, enough: int) -> None:
        for turn in range(1, MOST * enough):
            if proxy.has_broken(enough):
                return
            text = f"{self.name}-{turn}"
            self.repeat(
                lambda text=text: self.store.append(  # type: ignore[misc] # mypy cannot infer a lambda with defaults
                    "shared", messages=[Message.user(text)], trace_events=[trace(text)], key=text
                )
            )
            self._own.messages.append(Message.user(text))
            self._outputs.put(artifact(f"big-{turn % 3}", f"{turn} " * (BIG // 2)))
            self.repeat(lambda text=text: self.store.commit(self._own, artifacts=self._outputs, key=text))  # type: ignore[misc]
            self.acknowledged.append(text)

    def repeat(self, save: Callable[[], Revision]) -> None:
        for _ in range(ATTEMPTS):
            try:
                save()
            except (OutcomeUnknownError, UnavailableError) as error:
                self.unknown += isinstance(error, OutcomeUnknownError)
            else:
                return
        pytest.fail(f"{self.name} saved nothing in {ATTEMPTS} attempts")

    def check(self, store: SessionStore) -> None:
        found = loaded(store, self.name)
        assert texts(found) == self.acknowledged
        assert store.load_artifacts(self.name) == self._outputs


def read(store: SessionStore, proxy: Proxy, enough: int) -> None:
    """See only states that were committed: the messages and the traces of one commit go together."""
    for _ in range(MOST * ATTEMPTS):
        if proxy.has_broken(enough):
            return
        try:
            bundle = store.load_bundle("shared")
        except UnavailableError:
            continue
        assert bundle is not None
        assert bundle.session is not None
        assert [event.name for event in bundle.trace_events or ()] == texts(bundle.session)


# Without retries of the backend every break reaches the protocols. Through obstore one writer can be far ahead of
# another, which then has to read more commits at a time than come through between two breaks: each is sent twice.
@pytest.mark.parametrize(("client", "retries"), [("fsspec", 0), ("obstore", 1)])
@pytest.mark.parametrize("breaks", [60, pytest.param(300, marks=pytest.mark.deep)])
def test_what_was_acknowledged_over_broken_connections_is_there_once(
    bucket: str, s3_server: MotoServer, s3_options: dict[str, Any], breaks: int, client: Any, retries: int
) -> None:
    if client == "obstore":
        pytest.importorskip("obstore", reason="obstore is not installed: pip install 'objstore[fast]'")
    print(f"seed {SEED}")
    url = f"s3://{bucket}/store"
    direct = objstore.open(url, storage_options=s3_options)
    direct.commit(SessionData.new("shared"), trace_events=[])
    with breaking_proxy(s3_server.url, random.Random(SEED), RATE) as proxy:
        stores = [
            objstore.open(url, storage_options=options_for(proxy.url), retries=retries, client=client)
            for _ in range(WRITERS + 1)
        ]
        writers = [Writer(f"writer{n}", stores[n]) for n in range(WRITERS)]

        def run(n: int) -> None:
            if n < WRITERS:
                writers[n].work(proxy, breaks)
            else:
                read(stores[n], proxy, breaks)

        at_once(WRITERS + 1, run)
        for store in stores:
            store.close()
    assert proxy.has_broken(breaks)
    print(f"{proxy.passed} passed, {dict(proxy.broken)}, {sum(w.unknown for w in writers)} outcomes unknown")

    shared = texts(loaded(direct, "shared"))
    assert sorted(shared) == sorted(text for writer in writers for text in writer.acknowledged)
    for writer in writers:
        assert [text for text in shared if text.startswith(f"{writer.name}-")] == writer.acknowledged
        writer.check(direct)
    assert [event.name for event in direct.load_trace_events("shared") or ()] == shared
    report = direct.verify()
    assert report.ok, report.findings
    assert direct.list() == sorted(["shared", *(writer.name for writer in writers)])
