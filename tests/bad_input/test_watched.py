"""Edits in place in messages that many saves found unchanged, so that the next one hardly looks at them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from objstore import Message, SessionData, SessionStore, TextBlock, ToolResultBlock, ToolUseBlock
from objstore._format.watching import Note, Pass, Watch
from objstore.models import _documents as documents
from objstore.testing import memory_store
from tests.bad_input.test_edits import EDITS, START
from tests.budget.work import instructions

SAVES = 6  # after so many, all messages are watched
TURNS = 40


def conversation() -> SessionData:
    session = SessionData.new("s")
    for n in range(TURNS):
        call = ToolUseBlock(id=f"{n}", name="t", input={**copy.deepcopy(START), "text": ""})
        result = ToolResultBlock.model_validate(
            {"type": "tool_result", "tool_use_id": f"{n}", "is_error": False, "unknown": [{"a": 1}],
             "content": [{"type": "text", "text": "part"}, {"type": "other", "x": {"y": [1]}}]}
        )  # fmt: skip
        session.messages += [
            Message(role="assistant", content=[TextBlock(text="text"), call]),
            Message(role="user", content=[result]),
        ]
    return session


def watched(store: SessionStore) -> SessionData:
    session = conversation()
    for n in range(SAVES):
        session.updated_at = n
        store.save(session)
    return session


def checked(store: SessionStore, session: SessionData) -> None:
    store.save(session)
    assert repr(store.load("s")) == repr(session)


def test_what_was_found_unchanged_before_is_hardly_looked_at() -> None:
    store = memory_store()
    session = watched(store)
    session.updated_at = SAVES
    again = instructions(partial(store.save, session))
    session.messages = copy.deepcopy(session.messages)
    assert instructions(partial(store.save, session)) > 3 * again


def test_a_save_writes_no_message_but_those_that_it_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    store = memory_store()
    session = watched(store)
    write = documents.to_document
    slices: list[int] = []

    def counted(*args: Any, **kwargs: Any) -> Any:
        document = write(*args, **kwargs)
        if isinstance(document, list):
            slices.append(len(document))
        return document

    with monkeypatch.context() as patch:
        patch.setattr(documents, "to_document", counted)
        for count in (1, 2, 3):
            session.messages += [Message.user("more")] * count
            store.save(session)
    assert slices == [1, 2, 3]
    checked(store, session)


def use(session: SessionData) -> Any:
    block = session.messages[10].content[1]
    assert isinstance(block, ToolUseBlock)
    return block.input


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_an_edit_in_place_is_found(edit: Callable[[Any], object]) -> None:
    store = memory_store()
    session = watched(store)
    before = repr(use(session))
    edit(use(session))
    assert repr(use(session)) != before
    checked(store, session)
    assert len(store.history("s")) == SAVES + 1


def answer(session: SessionData) -> Any:
    return session.messages[11].content[0]


PLACES: dict[str, Callable[[SessionData], object]] = {
    "a message's role": lambda s: setattr(s.messages[7], "role", "tool"),
    "a text": lambda s: setattr(s.messages[10].content[0], "text", "other"),
    "a flag": lambda s: setattr(answer(s), "is_error", True),
    "no flag": lambda s: setattr(answer(s), "is_error", None),
    "an unknown member": lambda s: answer(s).model_extra["unknown"][0].update(a=2),
    "an unknown member more": lambda s: setattr(answer(s), "more", 1),
    "a part's text": lambda s: setattr(answer(s).content[0], "text", "other"),
    "all unknown members": lambda s: object.__setattr__(answer(s), "__pydantic_extra__", {"unknown": [{"a": 2}]}),
    "an unknown part": lambda s: answer(s).content[1].model_extra["x"]["y"].append(2),
    "a part less": lambda s: answer(s).content.pop(),
    "a content that is a text": lambda s: setattr(answer(s), "content", "text"),
    "a block moved to the next message": lambda s: s.messages[11].content.insert(0, s.messages[10].content.pop()),
    "a block twice": lambda s: s.messages[10].content.append(s.messages[10].content[0]),
    "two messages exchanged": lambda s: s.messages.insert(3, s.messages.pop(4)),
    "a message removed": lambda s: s.messages.pop(5),
    "the last messages removed": lambda s: s.messages.__delitem__(slice(20, None)),
    "the same message twice": lambda s: s.messages.insert(3, s.messages[3]),
}


@pytest.mark.parametrize("edit", PLACES.values(), ids=PLACES.keys())
def test_an_edit_of_any_field_is_found(edit: Callable[[SessionData], object]) -> None:
    store = memory_store()
    session = watched(store)
    edit(session)
    checked(store, session)
    assert len(store.history("s")) == SAVES + 1


EQUALS: dict[str, Callable[[SessionData], object]] = {
    "message": lambda s: s.messages.__setitem__(10, copy.deepcopy(s.messages[10])),
    "list of blocks": lambda s: setattr(s.messages[10], "content", copy.copy(s.messages[10].content)),
    "block": lambda s: s.messages[10].content.__setitem__(1, copy.deepcopy(s.messages[10].content[1])),
    "object": lambda s: setattr(s.messages[10].content[1], "input", copy.deepcopy(use(s))),
    "nested object": lambda s: use(s).update(nested=copy.deepcopy(use(s)["nested"])),
}


@pytest.mark.parametrize("put", EQUALS.values(), ids=EQUALS.keys())
def test_an_edit_of_what_stands_in_the_place_of_its_equal_is_found(put: Callable[[SessionData], object]) -> None:
    store = memory_store()
    session = watched(store)
    put(session)
    for _ in range(2):
        store.save(session)
    assert len(store.history("s")) == SAVES  # they were equal
    use(session).update(one=True)
    checked(store, session)
    session.messages[10].content.append(TextBlock(text="more"))
    checked(store, session)


def noted(watch: Watch, models: list[Any], documents: list[Any]) -> None:
    look = Pass(watch, "part")
    note = look.note(models)
    assert note
    look.keep(note, documents)
    look.finish()


def stands(watch: Watch, models: list[Any], documents: list[Any], part: str = "part") -> int:
    note = Pass(watch, part).standing(models, documents)
    return len(note.models) if note else 0


def test_a_note_speaks_only_of_the_models_and_the_documents_that_it_was_made_of() -> None:
    watch = Watch()
    models: list[Any] = [Message.user("text"), Message.user("text")]
    documents: list[Any] = [{}, {}]
    assert not stands(watch, models, documents)
    noted(watch, models, documents)
    assert stands(watch, models, documents) == 2
    assert not stands(watch, models, documents, "other")
    assert not stands(watch, models[:1], documents)
    assert not stands(watch, models, documents[:1])
    assert not stands(watch, models, [documents[0], {}])
    assert not stands(watch, [models[0], Message.user("text")], documents)
    Pass(watch, "part").finish()  # it came across nothing
    assert not stands(watch, models, documents)


def test_of_what_stands_behind_it_a_note_says_nothing() -> None:
    watch = Watch()
    models: list[Any] = [Message.user("text"), Message.user("text")]
    documents: list[Any] = [{}, {}]
    noted(watch, models, documents)
    assert stands(watch, [*models, Message.user("more")], [*documents, {}]) == 2
    assert stands(watch, [*models, Message.user("more")], documents) == 2


def test_a_note_that_was_joined_speaks_of_all_its_models() -> None:
    watch = Watch()
    session = conversation()
    models: list[Any] = session.messages[:4]
    documents: list[Any] = [{}, {}, {}, {}]
    first, second = Note(models[:1]), Note(models[1:])
    Pass(watch, "part").finish()
    look = Pass(watch, "part")
    look.keep(first.joined(second), documents)
    look.finish()
    assert stands(watch, models, documents) == 4
    for holder in [*holders(models)][1:]:
        if isinstance(holder, dict):
            holder["new"] = holder.get("new")
            assert not stands(watch, models, documents)
            del holder["new"]
            assert stands(watch, models, documents)
        elif isinstance(holder, list):
            holder.append(None)
            assert not stands(watch, models, documents)
            del holder[-1]
            assert stands(watch, models, documents)


def test_a_field_that_was_removed_and_set_again_is_looked_at() -> None:
    watch = Watch()
    models: list[Any] = [Message.user("text")]
    documents: list[Any] = [{}]
    noted(watch, models, documents)
    del models[0].reasoning_content
    models[0].reasoning_content = None
    assert not stands(watch, models, documents)


def test_a_member_that_moved_to_the_object_behind_its_own_is_found() -> None:
    watch = Watch()
    left: dict[str, Any] = {"a": 1, "b": 2}
    right: dict[str, Any] = {"c": 3}
    models: list[Any] = [Message(role="assistant", content=[ToolUseBlock(id="a", name="t", input=[left, right])])]
    block = models[0].content[0]
    left, right = block.input
    documents: list[Any] = [{}]
    noted(watch, models, documents)
    assert stands(watch, models, documents)
    moved = left.pop("b")
    last = right.pop("c")
    right |= {"b": moved, "c": last}
    assert not stands(watch, models, documents)


def test_a_note_without_the_documents_of_all_its_models_says_nothing() -> None:
    watch = Watch()
    models: list[Any] = [Message.user("text"), Message.user("text")]
    documents: list[Any] = [{}]
    noted(watch, models, documents)
    assert not stands(watch, models, documents)
    assert not stands(watch, models, [*documents, {}])


def cyclic() -> Message:
    call = ToolUseBlock(id="a", name="t", input={"list": []})
    call.input["list"].append(call.input)
    return Message(role="assistant", content=[]).model_copy(update={"content": [call]})


def holding_itself() -> Message:
    message = Message.user("text")
    message.content.append(message)  # type: ignore[arg-type]
    return message


NOTHING_IS_NOTED: dict[str, Callable[[], Any]] = {
    "a value of a foreign type": lambda: Message.model_construct(role="user", content=[], reasoning_content=([1],)),
    "an object in itself": cyclic,
    "a message in itself": holding_itself,
    "too many models": lambda: Message(role="user", content=[TextBlock(text="a") for _ in range(512)]),
    "no model": lambda: 5,
    "an object": lambda: {"a": 1},
}


@pytest.mark.parametrize("make", NOTHING_IS_NOTED.values(), ids=NOTHING_IS_NOTED.keys())
def test_of_what_only_a_dump_can_tell_nothing_is_noted(make: Callable[[], Any]) -> None:
    assert Pass(Watch(), "part").note([make()]) is None


def test_an_edit_while_a_save_writes_is_found_by_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a thread that goes on with the newest answer: what was noted is not newer than what was written."""
    store = memory_store()
    session = watched(store)
    session.messages.append(Message.user("new"))
    last = session.messages[-1].content[0]
    assert isinstance(last, TextBlock)
    write = documents.to_document

    def written(*args: Any, **kwargs: Any) -> Any:
        document = write(*args, **kwargs)
        if isinstance(document, list):  # a slice of the messages
            last.text = "edited"
        return document

    with monkeypatch.context() as patch:
        patch.setattr(documents, "to_document", written)
        store.save(session)
    saved = store.load("s")
    assert saved
    assert "edited" not in repr(saved.messages[-1])
    assert last.text == "edited"
    checked(store, session)


def holders(value: object) -> Iterator[Any]:
    """Every model, list and object below a value, the value first."""
    members: list[Any] = []
    if isinstance(value, BaseModel):
        members = [*value.__dict__.values(), value.model_extra]
    elif isinstance(value, dict | list):
        members = [*value.values()] if isinstance(value, dict) else [*value]
    else:
        return
    yield value
    for member in members:
        yield from holders(member)


def edited(value: Any, choice: st.DataObject) -> None:
    """Change something in a model, a list or an object: or only put an equal one in its place."""
    if isinstance(value, dict):
        key = choice.draw(st.sampled_from([*value, "new"]))
        value[key] = copy.deepcopy(value.get(key)) if choice.draw(st.booleans()) else choice.draw(JSON)
    elif isinstance(value, list) and value:
        at = choice.draw(st.integers(0, len(value) - 1))
        what = choice.draw(st.sampled_from(["equal", "removed", "again"]))
        if what == "equal":
            value[at] = copy.deepcopy(value[at])
        elif what == "removed":
            del value[at]
        else:
            value.append(value[at])
    elif isinstance(value, BaseModel):
        field = choice.draw(st.sampled_from([*type(value).model_fields]))
        if choice.draw(st.booleans()):
            setattr(value, field, copy.deepcopy(getattr(value, field)))
        elif isinstance(getattr(value, field), str) and field != "type":
            setattr(value, field, choice.draw(st.sampled_from(["a", "b"])))


VALUES: list[Any] = [None, True, False, 0, 1, 1.0, 0.0, -0.0, "", "a", [], {}, [1], {"a": [{}]}]
JSON = st.sampled_from(VALUES).map(copy.deepcopy)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_edit_escapes_however_the_edits_before_it_were_made(choice: st.DataObject) -> None:
    store = memory_store()
    session = watched(store)
    for _ in range(choice.draw(st.integers(1, 6))):
        found = [*holders(session.messages[:12])]
        edited(found[choice.draw(st.integers(1, len(found) - 1))], choice)
        checked(store, session)
