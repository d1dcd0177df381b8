"""What adapters remember, up to a size."""

from __future__ import annotations

from objstore.integrations.values import Recent


def test_what_was_not_asked_for_the_longest_is_forgotten_first() -> None:
    recent: Recent[str] = Recent(6, len)
    recent.put("a", "123")
    recent.put("b", "12")
    assert recent.get("a") == "123"
    recent.put("c", "12")
    assert recent.values() == ["123", "12"]
    assert recent.get("b") is None
    recent.put("a", "1")
    recent.put("d", "123")
    assert recent.values() == ["12", "1", "123"]
    recent.put("e", "1234567")
    assert recent.values() == []
