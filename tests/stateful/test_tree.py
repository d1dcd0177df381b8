"""The tree layout against a plain dict."""

from __future__ import annotations

import pytest
from hypothesis.stateful import precondition, rule

from objstore import ConflictError, IntegrityError, SessionData
from tests.stateful.machine import DEEP, HANDLES, QUICK, StoreMachine


class TreeMachine(StoreMachine):
    """The tree layout: the last writer wins."""

    layout = "tree"

    @precondition(lambda self: "messages" in self.sessions.get("a/b", {}))
    @rule(handle=HANDLES)
    def take_the_file_of_another(self, handle: int) -> None:
        with pytest.raises(ConflictError):
            self.stores[handle].save(SessionData.new("a_b"))
        with pytest.raises(ConflictError):
            self.stores[handle].delete("a_b")
        with pytest.raises(IntegrityError):
            self.stores[handle].load("a_b")


class LongTreeMachine(TreeMachine):
    """The same, for longer."""


TestTree = TreeMachine.TestCase
TestTree.settings = QUICK
TestLongTree = pytest.mark.deep(LongTreeMachine.TestCase)
TestLongTree.settings = DEEP
