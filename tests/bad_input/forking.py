"""A program that uses a store, forks, and lets parent and children go on with it."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable

import objstore
from objstore import Message, SessionData, SessionStore

CHILDREN = 3
PATIENCE = 60


def main() -> None:
    children, url, options = int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    store = objstore.open(url, storage_options=options or None)
    store.save(SessionData.new("s"))
    if children:
        busy(store, children)
    else:
        quiet(store)


def quiet(store: SessionStore) -> None:
    """Fork a store that was used, use it in the children first, then again in the parent."""
    held = store.load("s")
    assert held is not None

    def child(n: int) -> None:
        assert store.load("s") is not None
        store.append("s", messages=[Message.user(f"child {n}")])
        store.save(SessionData.new(f"child-{n}"))

    waited([forked(child, n) for n in range(CHILDREN)])
    store.append("s", messages=[Message.user("parent")])
    session = store.load("s")
    assert session is not None
    print(len(session.messages), *store.list())


def busy(store: SessionStore, children: int) -> None:
    """Fork while other threads are in the middle of calls, so that whatever can be locked is."""
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            store.load("s")
            store.save_trace_events("t", [])

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for n in range(children):
            waited([forked(lambda n: store.save(SessionData.new(f"child-{n}")), n)])
    finally:
        done.set()
        for thread in threads:
            thread.join()
    print(store.exists("s"))


def forked(action: Callable[[int], object], n: int) -> int:
    pid = os.fork()
    if pid == 0:
        signal.alarm(PATIENCE)  # a child that waits for a lock that nobody holds must not wait for ever
        try:
            action(n)
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    return pid


def waited(pids: list[int]) -> None:
    for pid in pids:
        _, status = os.waitpid(pid, 0)
        assert status == 0, f"a child ended with {status}"


if __name__ == "__main__":
    main()
