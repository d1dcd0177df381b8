"""Programs that meet a disk that refuses: run by the tests as somebody who is not root, or with a small disk.

What they find is printed, one word or line for each call, for the test to judge.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import objstore
from objstore import Message, SessionData
from tests.bad_input.damage import TURNS, turns

NOBODY = 65534
SMALL = 64 * 1024


def main() -> None:
    {"readonly": read_only, "limited": limited, "full": full}[sys.argv[1]](sys.argv[2])


def say(call: Callable[[], object]) -> None:
    try:
        print("ok", call())
    except objstore.ObjstoreError as error:
        print(type(error).__name__, error)


def read_only(path: str) -> None:
    """Read a store and try to write to it as nobody, whom no directory belongs to."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    store = objstore.open(path)
    assert turns(store.load("s")) == TURNS
    assert turns(store.load("s", at=2)) == 2
    assert store.list() == ["s"]
    assert store.load_bundle("s") is not None
    assert len(store.history("s")) == TURNS
    assert store.verify().ok
    say(lambda: store.save(SessionData.new("t")))
    say(lambda: store.append("s", messages=[Message.user("x")]))
    say(lambda: store.delete("s"))
    say(lambda: store.health_check())
    say(lambda: objstore.open(f"{path}-secret").load("s"))


def limited(path: str) -> None:
    """Save under a limit on the size of files."""
    store = objstore.open(path)
    store.save(SessionData.new("s"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))
    again(store)


def full(path: str) -> None:
    """Save on a disk that is nearly full, then full, then has room again."""
    store = objstore.open(path)
    store.save(SessionData.new("s"))
    filler = Path(path).parent / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            pass
    say(lambda: store.save(SessionData.new("t")))
    assert store.list() == ["s"]
    assert store.exists("s")
    filler.write_bytes(b"")
    again(store)


def again(store: objstore.SessionStore) -> None:
    """Save too much, find the old state, and save a little."""
    session = store.load("s")
    assert session is not None
    session.messages.append(Message.user(os.urandom(4 * 1024 * 1024).hex()))
    say(lambda: store.save(session))
    assert turns(store.load("s")) == 0
    session.messages[-1:] = [Message.user("little")]
    say(lambda: store.save(session).seq)
    assert store.verify().ok


if __name__ == "__main__":
    main()
