"""Who looks only at the newest commit believes no old list either; found by the scheduler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from objstore._log import head, listing, session
from objstore._log.ops import Entry, List, Protocol
from objstore.testing.schedule import ID, RULES
from tests.protocol.by_hand import Stage, log, save


def history() -> Protocol[list[tuple[int, str | None]]]:
    return [(info.seq, info.digest) for info in (yield from session.history(RULES, ID))]


def heads() -> Protocol[list[tuple[int | None, str | None]]]:
    return [(listed.seq, None) for listed in (yield from listing.heads(RULES, [ID]))]


def exists() -> Protocol[list[tuple[int, str | None]]]:
    found = yield from session.newest(RULES, ID)
    return [(found.seq, found.digest)] if found else []


@pytest.mark.parametrize("look", [history, heads, exists])
def test_a_number_that_was_freed_and_taken_again_is_not_shown(look: Callable[[], Protocol[Any]]) -> None:
    stage = Stage()
    base = stage.saved(1, 4)
    writer = stage.enter("writer", save(base, 50))
    stage.saved(5, 5)
    reader = stage.enter("reader", look())
    stage.request(reader)  # the list, in which 5 is the newest
    stage.free_up_to_eight()
    stage.request(writer)
    assert log(5) in stage.storage.objects
    shown = stage.finish(reader)
    assert shown
    for seq, digest in shown:
        assert seq >= 9
        assert digest in (None, stage.oracle.chain[seq].digest)


def test_a_directory_that_was_emptied_after_it_was_listed_hides_no_larger_one() -> None:
    finding = head.find_head("s")
    assert next(finding)[0] == List("sessions/s/log/")
    assert finding.send([[Entry("000000", is_directory=True)], []]) == List("sessions/s/log/000000/")
    assert finding.send([]) == List("sessions/s/log/")
    assert finding.send([Entry("000001", is_directory=True)]) == List("sessions/s/log/000001/")
    with pytest.raises(StopIteration) as found:
        finding.send([Entry("0000001000", is_directory=False)])
    assert found.value.value == 1000
