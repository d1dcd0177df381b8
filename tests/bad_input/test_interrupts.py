"""What the handler of a signal raises comes out of the call that it interrupts, as it is, and the store goes on."""

from __future__ import annotations

from typing import Any

import pytest

from objstore import Message, SessionData, SessionStore
from objstore.models import _base


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
    interrupted(monkeypatch, "getattr", KeyboardInterrupt(), getattr)  # tells the types of blocks apart
    with pytest.raises(KeyboardInterrupt):
        store.append("s", messages=[Message.user("one")])

    store.append("s", messages=[Message.user("one")])
    assert len(store.load("s").messages) == 1  # type: ignore[union-attr]
