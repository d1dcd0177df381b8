from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from objstore._format.canonical import JSON, dumps, same
from objstore._format.patching import Patch, PatchError, UnknownPatchError, appended, apply, diff, is_append, map_values

from .values import DOCUMENTS, edited

PAIRS = edited() | st.tuples(DOCUMENTS, DOCUMENTS)


class TestAppends:
    @pytest.mark.parametrize(
        "patch",
        [
            {"set": [1, 2, 3]},
            {"put": {"a": 1}},
            {"list": [[0, 1], {"add": [1]}]},
            {"list": [{"add": [1]}, [0, 2]]},
            {"list": [{"add": [1]}]},
            {"list": [[1, 2], {"add": [1]}]},
            {"list": [[0, 1], {"at": 1, "patch": {"set": 1}}, {"add": [1]}]},
            {"list": [[0, 2], [0, 2], {"add": [1]}]},
        ],
    )
    def test_patches_that_do_more_or_less_are_not_appends(self, patch: Patch) -> None:
        assert not is_append(patch, 2)

    def test_pieces_that_meet_are_an_append_too(self) -> None:
        patch: Patch = {"list": [[0, 1], [1, 1], {"add": [1]}, {"add": [2]}]}
        assert is_append(patch, 2)
        assert appended(patch) == [1, 2]


class TestApply:
    def test_cuts_then_patches_then_puts(self) -> None:
        old: Any = {"a": {"x": 1}, "b": 2, "c": 3}
        patch: Patch = {"put": {"c": 4, "b": 5, "d": 6}, "sub": {"a": {"put": {"x": 2}}}, "cut": ["b"]}
        assert dumps(apply(patch, old)) == '{"a":{"x":2},"c":4,"b":5,"d":6}'

    def test_a_list_is_the_pieces_in_their_order(self) -> None:
        patch: Patch = {"list": [{"add": [0]}, [2, 1], {"at": 0, "patch": {"set": 9}}, [0, 2], [1, 0], {"add": []}]}
        assert apply(patch, [1, 2, 3]) == [0, 3, 9, 1, 2]

    def test_many_ranges_are_put_one_behind_the_other(self) -> None:
        old: list[JSON] = [*range(400_000)]
        patch: Patch = {"list": [[n, 1] for n in range(0, len(old), 2)]}  # to copy what is there for each takes minutes
        assert apply(patch, old) == old[::2]

    MALFORMED: tuple[Any, ...] = (
        None,
        [],
        "set",
        {},
        {"set": 1, "put": {}},
        {"list": [], "set": 1},
        {"list": {}},
        {"list": None},
        {"list": [None]},
        {"list": ["add"]},
        {"list": [{}]},
        {"list": [[]]},
        {"list": [[0]]},
        {"list": [[0, 1, 2]]},
        {"list": [[0, True]]},
        {"list": [[0.0, 1]]},
        {"list": [[-1, 1]]},
        {"list": [[0, -1]]},
        {"list": [["0", 1]]},
        {"list": [{"add": 1}]},
        {"list": [{"add": None}]},
        {"list": [{"at": 0}]},
        {"list": [{"patch": {"set": 1}}]},
        {"list": [{"at": 0, "patch": {"set": 1}, "add": []}]},
        {"list": [{"at": True, "patch": {"set": 1}}]},
        {"list": [{"at": -1, "patch": {"set": 1}}]},
        {"list": [{"at": 0, "patch": None}]},
        {"list": [{"at": 0, "patch": {}}]},
        {"cut": "ab"},
        {"cut": {"a": 1}},
        {"cut": [1]},
        {"cut": None},
        {"put": []},
        {"put": None},
        {"sub": []},
        {"sub": {"a": 1}},
        {"sub": {"a": {"sub": {"b": {}}}}},
    )

    @pytest.mark.parametrize("patch", MALFORMED)
    def test_refuses_a_malformed_patch(self, patch: Any) -> None:
        documents: list[Any] = [[{"b": 1}, 2], {"a": {"b": 1}, "b": 1}]
        for document in documents:
            with pytest.raises(PatchError) as caught:
                apply(patch, document)
            assert not isinstance(caught.value, UnknownPatchError)
        with pytest.raises(PatchError) as caught:
            map_values(patch, lambda value: value, lambda items: items, lambda key: key)
        assert not isinstance(caught.value, UnknownPatchError)

    @pytest.mark.parametrize(
        "patch",
        [
            {"text": [0, 1]},
            {"put": {"a": 1}, "rename": {"b": "c"}},
            {"list": [[0, 1]], "hint": 1},
            {"list": [[0, 1], {"reverse": [0, 2]}]},
            {"list": [{"add": [1], "times": 2}]},
            {"list": [{"at": 0, "patch": {"text": []}}]},
        ],
    )
    def test_tells_a_patch_of_a_future_kind_from_a_malformed_one(self, patch: Any) -> None:
        document: Any = [{"b": 1}, 2] if "list" in patch else {"a": 1, "b": 1}
        with pytest.raises(UnknownPatchError, match="unknown kind"):
            apply(patch, document)
        with pytest.raises(UnknownPatchError, match="unknown kind"):
            map_values(patch, lambda value: value, lambda items: items, lambda key: key)

    @pytest.mark.parametrize(
        ("patch", "old"),
        [
            ({"list": [[0, 3]]}, [1, 2]),
            ({"list": [[3, 0]]}, [1, 2]),
            ({"list": [[2, 1]]}, [1, 2]),
            ({"list": [{"at": 2, "patch": {"set": 1}}]}, [1, 2]),
            ({"list": []}, {"a": 1}),
            ({"list": []}, "ab"),
            ({"put": {"a": 1}}, [1]),
            ({"put": {"a": 1}}, None),
            ({"cut": ["b"]}, {"a": 1}),
            ({"cut": ["a", "a"]}, {"a": 1}),
            ({"sub": {"b": {"set": 1}}}, {"a": 1}),
            ({"cut": ["a"], "sub": {"a": {"set": 1}}}, {"a": 1}),
        ],
    )
    def test_refuses_a_patch_that_does_not_fit(self, patch: Patch, old: JSON) -> None:
        before = copy.deepcopy(old)
        with pytest.raises(PatchError):
            apply(patch, old)
        assert same(old, before)

    @settings(deadline=None, max_examples=300)
    @given(
        st.dictionaries(st.sampled_from(["set", "put", "cut", "sub", "list", "new"]), DOCUMENTS, max_size=2), DOCUMENTS
    )
    def test_any_patch_works_or_is_refused(self, patch: Patch, old: Any) -> None:
        before = copy.deepcopy(old)
        with contextlib.suppress(PatchError):
            apply(patch, old)
        assert same(old, before)


class TestMapValues:
    def test_visits_all_that_is_the_users_and_nothing_else(self) -> None:
        patch: Patch = {
            "cut": ["c"],
            "sub": {
                "s": {"list": [[0, 1], {"at": 1, "patch": {"set": "v1"}}, {"add": ["i1", "i2"]}]},
                "t": {"set": ["v2"]},
            },
            "put": {"p": {"k": "v3"}},
        }
        mapped = map_values(patch, lambda value: ["value", value], lambda items: [items], lambda key: "=" + key)
        assert mapped == {
            "cut": ["=c"],
            "sub": {
                "=s": {"list": [[0, 1], {"at": 1, "patch": {"set": ["value", "v1"]}}, {"add": [["i1", "i2"]]}]},
                "=t": {"set": ["value", ["v2"]]},
            },
            "put": {"=p": ["value", {"k": "v3"}]},
        }
        assert list(mapped) == ["cut", "sub", "put"]

    @settings(deadline=None)
    @given(PAIRS)
    def test_the_inverse_functions_give_back_the_patch(self, pair: tuple[Any, Any]) -> None:
        patch = diff(*pair)
        if patch is not None:
            before = dumps(patch)
            there = map_values(patch, lambda value: {"v": value}, lambda items: [items], lambda key: "=" + key)
            back = map_values(there, _unwrap, lambda items: _first(items), lambda key: key[1:])
            assert same(back, patch)
            assert dumps(patch) == before


def _unwrap(value: JSON) -> JSON:
    assert isinstance(value, dict)
    return value["v"]


def _first(items: list[JSON]) -> list[JSON]:
    (inner,) = items
    assert isinstance(inner, list)
    return inner
