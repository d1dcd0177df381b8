"""Records: values that nobody sets a field of, which mypy sees to and nothing at run time."""

from __future__ import annotations

from objstore._log.ops import Moment


def test_a_record_is_frozen_for_the_type_checker_and_equals_its_like() -> None:
    moment = Moment(1.0, 2.0)
    assert (moment, hash(moment)) == (Moment(1.0, 2.0), hash(Moment(1.0, 2.0)))
    moment.wall = 3.0  # type: ignore[misc]  # where mypy let it pass, it would call this comment unused
    assert moment == Moment(1.0, 3.0)
