"""Commits of another store in the place of one's own: whole, of the same session and number, and yet not these."""

from __future__ import annotations

import pytest

import objstore
from objstore import IntegrityError, Message, NotFoundError, SessionData
from objstore.backends import MemoryBackend
from tests.bad_input.damage import log_key

TURNS = 70
INTERVAL = 32


def lived(word: str) -> MemoryBackend:
    place = MemoryBackend.isolated()
    store = objstore.open(place)
    session = SessionData.new("s")
    for turn in range(1, TURNS + 1):
        session.messages.append(Message.user(f"{word} {turn}"))
        store.save(session)
    return place


MINE, OTHER = lived("mine"), lived("other")


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 34, 64, 65, 66, 69, 70])
def test_none_of_them_is_taken_for_ours(n: int) -> None:
    mine, other = MINE.get(log_key("s", n)), OTHER.get(log_key("s", n))
    assert mine is not None
    assert other is not None
    right = {at: objstore.open(MINE).load("s", at=at) for at in range(1, TURNS + 1)}
    MINE.put(log_key("s", n), other)
    try:
        store = objstore.open(MINE)
        read = set()
        for at in range(1, TURNS + 1):
            try:
                found = store.load("s", at=at)
            except IntegrityError:
                continue
            assert found == right[at]
            read.add(at)
        # all is still there that does not stand on it
        after = next((at for at in range(n + 1, TURNS + 1) if at % INTERVAL == 1), TURNS + 1)
        assert read == {*range(1, n), *range(after, TURNS + 1)}
        with pytest.raises(IntegrityError) as caught:
            store.load("s", at=n)
        assert caught.value.key in (log_key("s", n), log_key("s", n - 1))
        assert log_key("s", n if n < TURNS else n - 1) in {finding.key for finding in store.verify().findings}
        with pytest.raises(IntegrityError):
            store.history("s")
        report = store.repair("s")
        assert not report.lost or report.resumed in read
    finally:
        MINE.put(log_key("s", n), mine)


@pytest.mark.parametrize("head", [33, 65])
@pytest.mark.parametrize("below", [0, 1])
def test_nor_is_the_newest_where_it_holds_a_whole_state(head: int, below: int) -> None:
    n = head - below
    place = up_to(head)
    right = objstore.open(place).load("s", at=head)
    other = OTHER.get(log_key("s", n))
    assert other is not None
    place.put(log_key("s", n), other)
    store = objstore.open(place)
    if below:  # it is told from the one below which of the two is another's
        assert store.load("s") == right
        assert store.load("s", at=n - 1) == objstore.open(MINE).load("s", at=n - 1)
        return
    with pytest.raises(IntegrityError, match=f"load it with at={n - 1}") as caught:
        store.load("s")
    assert caught.value.key == log_key("s", n)
    assert store.load("s", at=n - 1) == objstore.open(MINE).load("s", at=n - 1)
    with pytest.raises(IntegrityError):
        store.append("s", messages=[Message.user("more")])
    assert store.repair("s", dry_run=False).resumed == n - 1
    assert objstore.open(place).load("s") == objstore.open(MINE).load("s", at=n - 1)


def up_to(head: int) -> MemoryBackend:
    place = MemoryBackend.isolated()
    for key in ("objstore.json", "index/s=.0000000001", *(log_key("s", n) for n in range(1, head + 1))):
        place.put(key, MINE.get(key) or b"")
    return place


def test_another_head_gives_back_nothing_that_was_deleted_or_pruned() -> None:
    places = {word: MemoryBackend.isolated() for word in ("mine", "other")}
    for word, place in places.items():
        store = objstore.open(place)
        session = SessionData.new("s")
        for turn in range(1, 6):
            session.messages.append(Message.user(f"{word} {turn}"))
            store.save(session)
            if word == "mine" and turn == 2:
                store.delete("s")
                session.revision = None
    mine = places["mine"]
    assert objstore.open(mine).history("s")[-1].kind == "delete"
    other = places["other"].get(log_key("s", 5))
    assert other is not None
    mine.put(log_key("s", 5), other)
    mine.delete([log_key("s", 6)])
    for at in (1, 2):
        with pytest.raises((IntegrityError, NotFoundError)):
            objstore.open(mine).load("s", at=at)
    found = objstore.open(mine).load("s", at=4)
    assert found is not None
    assert len(found.messages) == 3


@pytest.mark.parametrize("n", [1, 33, 65])
def test_ours_is_given_out_though_all_beside_it_is_damaged(n: int) -> None:
    place = lived("mine")
    for beside in {n - 2, n - 1, n + 1, n + 2} - {-1, 0}:
        place.put(log_key("s", beside), b"damaged")
    found = objstore.open(place).load("s", at=n)
    assert found is not None
    assert len(found.messages) == n


@pytest.mark.parametrize("n", [33, 65])
def test_none_of_them_is_taken_for_ours_where_all_above_it_is_damaged(n: int) -> None:
    place = lived("mine")
    foreign = OTHER.get(log_key("s", n))
    assert foreign is not None
    place.put(log_key("s", n), foreign)
    for above in range(n + 1, TURNS + 1):
        place.put(log_key("s", above), b"damaged")
    store = objstore.open(place)
    with pytest.raises(IntegrityError):
        store.load("s", at=n)
    assert store.repair("s").resumed is None  # nothing tells that what lies below it was not freed


def test_a_repair_does_not_go_on_from_one_of_them() -> None:
    place, other = MemoryBackend.isolated(), MemoryBackend.isolated()
    for where, word in ((place, "mine"), (other, "other")):
        session = SessionData.new("s")
        for turn in range(2):
            session.messages.append(Message.user(f"{word} {turn}"))
            objstore.open(where).save(session)
    foreign = other.get(log_key("s", 1))
    assert foreign is not None
    place.put(log_key("s", 1), foreign)
    assert objstore.open(place).repair("s").resumed is None
    with pytest.raises(IntegrityError, match="no state of 's' can be read"):
        objstore.open(place).repair("s", dry_run=False)


def written_over(place: MemoryBackend, numbers: range) -> None:
    for n in numbers:
        place.put(log_key("s", n), OTHER.get(log_key("s", n)) or b"")


def test_a_repair_takes_nothing_of_a_log_that_was_written_over_from_below() -> None:
    place = up_to(45)
    written_over(place, range(1, 41))
    store = objstore.open(place)
    for at in (None, 40):
        with pytest.raises(IntegrityError):
            store.load("s", at=at)
    report = store.repair("s")
    assert report.resumed is None
    assert [finding.key for finding in report.damage] == [log_key("s", 40)]
    assert [finding.key for finding in store.verify().findings] == [log_key("s", 40)]


def test_nor_of_one_in_the_middle_where_what_is_below_it_is_ours() -> None:
    place = up_to(45)
    written_over(place, range(38, 41))
    assert objstore.open(place).repair("s", dry_run=False).resumed == 37
    assert objstore.open(place).load("s") == objstore.open(MINE).load("s", at=37)


def test_the_first_is_not_taken_for_ours_where_nothing_tells_that_the_second_is_not() -> None:
    place = up_to(5)
    written_over(place, range(1, 2))
    place.put(log_key("s", 3), b"damaged")
    with pytest.raises(IntegrityError):
        objstore.open(place).load("s", at=1)
    assert objstore.open(place).repair("s").resumed is None


def test_a_repair_names_one_of_them_that_is_all_there_is_above_the_floor() -> None:
    place = up_to(5)
    store = objstore.open(place)
    pruned = store.prune("s", keep_last=1).dry_run
    assert not pruned
    store.append("s", messages=[Message.user("more")])
    written_over(place, range(6, 7))
    report = objstore.open(place).repair("s")
    assert [finding.key for finding in report.damage] == [log_key("s", 6)]
    with pytest.raises(IntegrityError, match="no state of 's' can be read"):
        objstore.open(place).repair("s", dry_run=False)
