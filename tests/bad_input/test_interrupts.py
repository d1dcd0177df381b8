"""What the handler of a signal raises comes out of the call that it interrupts, as it is, and the store goes on."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from objstore import InvalidValueError, Message, SessionData, SessionStore
from objstore._engine.drive import finished
from objstore._engine.memory import Memory
from objstore._format.refs import Ref
from objstore._log.base import nothing
from objstore.backends import LocalBackend
from objstore.backends._connection import Slots
from objstore.lock import Lock
from objstore.models import _base
from objstore.testing import memory_store
from tests.places import make_place

PATIENCE = 20.0


class Stop(BaseException):
    """What a handler raised, of a program that has its own."""


def interrupted(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException, function: Any) -> None:
    """Let a function that pydantic calls be interrupted the first time."""

    def once(*args: Any) -> Any:
        monkeypatch.setattr(_base, name, function)
        raise error

    monkeypatch.setattr(_base, name, once, raising=False)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stop(), TimeoutError("an alarm")], ids=repr)
def test_an_interrupt_while_a_session_is_written_down_is_no_invalid_value(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    session = SessionData.new("s")
    session.messages.append(Message.user("one"))
    interrupted(monkeypatch, "check_each", error, _base.check_each)
    with pytest.raises(type(error)) as caught:
        store.save(session)
    assert caught.value is error

    store.save(session)
    assert store.load("s") == session


def test_nor_where_pydantic_keeps_nothing_of_it(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.save(SessionData.new("s"))
    message = Message.user("one")
    interrupted(monkeypatch, "getattr", KeyboardInterrupt(), getattr)  # tells the types of blocks apart
    with pytest.raises(KeyboardInterrupt):
        store.append("s", messages=[message])

    store.append("s", messages=[message])
    assert len(store.load("s").messages) == 1  # type: ignore[union-attr]


def test_nor_where_the_value_is_invalid_too(store: SessionStore, monkeypatch: pytest.MonkeyPatch) -> None:
    session = SessionData.new("s")
    session.messages.append("no message")  # type: ignore[arg-type]
    interrupted(monkeypatch, "check_each", KeyboardInterrupt(), _base.check_each)
    with pytest.raises(KeyboardInterrupt):
        store.save(session)
    with pytest.raises(InvalidValueError, match="str stands in a list of Message"):
        store.save(session)


@pytest.mark.parametrize("error", [MemoryError(), ImportError("Python is likely shutting down")], ids=repr)
def test_nor_is_what_says_nothing_of_the_value_however_often_it_comes(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    session = SessionData.new("s")

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as failing:
        failing.setattr(_base, "check_each", fail)
        with pytest.raises(type(error)) as caught:
            store.save(session)
    assert caught.value is error
    store.save(session)


def interrupted_after(events: int, call: Callable[[], object], kind: str = "call") -> bool:
    """Interrupt a call at the so-manieth event of a kind in it, and say whether it came that far.

    A "call" is the begin of a function of Python, a "c_return" the moment between the end of one in C, such as an open,
    and the next step of its caller, who has not yet seen its result.
    """
    left = events

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal left
        if event != kind:
            return
        left -= 1
        if not left:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(count)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may come in the end of a generator
@pytest.mark.parametrize("kind", ["append", "save", "update"])
@pytest.mark.parametrize("where", ["local", "memory"])
def test_calls_that_are_interrupted_anywhere_lose_and_double_nothing(
    where: str, kind: str, request: pytest.FixtureRequest
) -> None:
    place = make_place(where, request)
    store = place.open()
    store.save(SessionData.new("s"))
    tried, acknowledged, interrupts = set[str](), set[str](), 0

    def add(text: str) -> None:
        message = Message.user(text)
        if kind == "append":
            store.append("s", messages=[message])
        elif kind == "update":
            store.update("s", lambda session: session.messages.append(message))
        else:
            session = store.load("s")
            assert session is not None
            session.messages.append(message)
            store.save(session)
        acknowledged.add(text)

    for events in range(1, 900, 13):
        tried.add(text := f"after {events}")
        stopped = interrupted_after(events, partial(add, text))
        interrupts += stopped
        if stopped:
            add(f"behind {events}")  # what is known of the session is right, and no lock is held
    assert interrupts > 10

    for reader in (store, place.open()):
        found = [m.content[0].text for m in reader.load("s").messages]  # type: ignore[union-attr]
        assert len(found) == len(set(found))
        assert acknowledged <= set(found) <= acknowledged | tried
    assert store.verify().ok


@pytest.mark.parametrize("kind", ["call", "c_return"])
def test_a_lock_is_free_again_wherever_it_is_interrupted(kind: str) -> None:
    lock, interrupts, others = Lock(), 0, []

    def hold() -> None:
        with lock:
            len("something")

    def other() -> None:  # who held it in spite of all would be let in again
        others.append(free := lock.acquire(blocking=False))
        if free:
            lock.release()

    while interrupted_after(interrupts + 1, hold, kind):
        interrupts += 1
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert others == [True] * interrupts
    assert interrupts > 0


def test_who_is_interrupted_while_another_holds_a_lock_leaves_it_to_that_one() -> None:
    lock, held, ended = Lock(), threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            assert ended.wait(PATIENCE)

    def interrupt(number: int, frame: object) -> None:
        raise Stop

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(PATIENCE)
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(Stop), lock:
            pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not lock.acquire(blocking=False)
    ended.set()
    thread.join()
    with lock:
        pass


@pytest.mark.parametrize("kind", ["call", "c_return"])
def test_an_interrupt_leaves_what_is_remembered_within_its_size(kind: str) -> None:
    a, b, c = (replace(nothing(id, None), seq=1, weight=100) for id in "abc")

    def fill(memory: Memory) -> None:
        memory.put(a)
        memory.keep(Ref("0" * 64, 1, "text"), "x")
        memory.put(b)
        memory.put(c)
        memory.forget("b")

    interrupts = 0
    while interrupted_after(interrupts + 1, partial(fill, memory := Memory(250)), kind):
        interrupts += 1
        for base in (a, b, c):
            memory.put(base)
        assert [memory.get(id) is not None for id in "abc"] == [False, True, True], f"at event {interrupts}"
    assert interrupts > 10


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["call", "return", "c_return"])
def test_an_interrupt_leaves_the_turn_of_a_request_free(kind: str) -> None:
    slots = Slots(1)
    interrupts: list[str] = []

    async def take_turns() -> None:
        async with slots:
            pass

    def interrupt() -> None:
        while interrupted_after(len(interrupts) + 1, lambda: finished(take_turns()), kind):
            interrupts.append(kind)

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), f"stuck after {len(interrupts)}"
    assert interrupts


OPENED = Path("/proc/self/fd")


def opened_below(directory: Path) -> list[Path]:
    """Say which files of a directory are open; others, such as connections of other tests, come and go."""
    found = []
    for file in OPENED.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile, as that of this listing itself
            found.append(file.readlink())
    return [path for path in found if path.is_relative_to(directory)]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
@pytest.mark.skipif(not OPENED.is_dir(), reason="nothing here lists the files that a process has open")
def test_an_interrupt_of_the_local_backend_leaves_no_file_open(tmp_path: Path) -> None:
    store = LocalBackend(tmp_path / "store")
    store.create("a/key", b"x")
    with (tmp_path / "store/a/key").open("rb"):
        assert opened_below(tmp_path) == [tmp_path / "store/a/key"]
    calls: list[Callable[[int], object]] = [
        lambda n: store.create(f"b/{n}", b"x"),
        lambda n: store.create(f"{n}/key", b"x"),  # flushes the way to it
        lambda _: store.put("a/key", b"x"),
        lambda _: store.get("a/key"),
        lambda n: store.copy("a/key", f"c/{n}"),
    ]
    for call in calls:
        interrupts = 0
        while interrupted_after(interrupts + 1, partial(call, interrupts), "c_return"):
            interrupts += 1
            assert opened_below(tmp_path) == [], f"at return {interrupts}"
        assert interrupts > 10


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # as above
@pytest.mark.skipif(not OPENED.is_dir(), reason="nothing here lists the files that a process has open")
@pytest.mark.parametrize("kind", ["c_return", "return"])
def test_an_interrupt_leaves_nothing_of_the_local_copy_of_an_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = memory_store()
    store.put_artifact("s", b"x", tool_name="t")  # so that nothing is imported below: Python loses locks there
    interrupts = 0
    while interrupted_after(interrupts + 1, lambda: store.put_artifact("s", b"x", tool_name="t"), kind):
        interrupts += 1
        assert opened_below(tmp_path) == [], f"at {kind} {interrupts}"
        assert [*tmp_path.iterdir()] == [], f"at {kind} {interrupts}"
    assert interrupts > 10
