from __future__ import annotations

import copy
import json
import pickle
import sys
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from decimal import Decimal
from enum import IntEnum, StrEnum
from hashlib import sha256
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from objstore._format import canonical
from objstore._format.canonical import MAX_STORED_DEPTH, dumps, exact_bytes, loads, same
from objstore._format.checking import MAX_DEPTH, check
from objstore._format.refs import Ref
from objstore.errors import InvalidValueError
from tests.stack import until_it_overflows

from .values import DOCUMENTS, edited


def ref(value: str | bytes, *, packed: bool = True) -> Ref:
    raw = value.encode() if isinstance(value, str) else value
    name = sha256(raw).hexdigest() + (".zst" if packed else "")
    return Ref(name, len(raw), "text" if isinstance(value, str) else "bytes")


def nested(depth: int, innermost: Any = None) -> Any:
    value = innermost
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


class TestDumps:
    def test_writes_compact_text_in_the_given_order_and_alphabet(self) -> None:
        assert (
            dumps({"b": [1, 1.0, True, None], "a": "é\n\U0001f600"}) == '{"b":[1,1.0,true,null],"a":"é\\n\U0001f600"}'
        )

    def test_writes_every_character_as_the_standard_library_does(self) -> None:
        every = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
        assert dumps([every]) == json.dumps([every], ensure_ascii=False)

    @settings(deadline=None)
    @given(DOCUMENTS)
    def test_writes_what_the_reader_takes_at_once(self, value: Any) -> None:
        with patch.object(canonical, "_decode", side_effect=AssertionError("read slowly")):
            assert same(loads(dumps(value).encode()), value)

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
    def test_writes_nothing_that_cannot_be_read(self, value: float) -> None:
        assert loads(dumps([value, "NaN"])) == [None, "NaN"]

    def test_takes_values_that_are_deeper_than_a_user_s(self) -> None:
        assert same(loads(dumps(nested(MAX_STORED_DEPTH, 1))), nested(MAX_STORED_DEPTH, 1))

    @pytest.mark.parametrize("value", [memoryview(b"raw"), Ref("0" * 64, 1, "text")])
    def test_refuses_binary_values(self, value: Any) -> None:
        with pytest.raises(TypeError):
            dumps([value])


class TestLoads:
    @settings(deadline=None)
    @given(DOCUMENTS)
    def test_gives_back_exactly_what_was_written(self, value: Any) -> None:
        assert same(loads(dumps(value)), value)
        assert same(loads(dumps(value).encode()), value)
        assert same(loads(json.dumps(value, indent=1)), value)

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "not JSON: Expecting value at character 0"),
            (b'{"a":1', "at character 6"),
            (b"[1] 2", "Extra data at character 4"),
            (b"[1,]", "not JSON"),
            (b"{'a':1}", "not JSON"),
            (b'\xef\xbb\xbf{"a":1}', "not JSON"),
            ("\ufeff[]", "not JSON"),
            ("[]".encode("utf-16"), "not UTF-8 at byte 0"),
            (b'["ab\xff"]', "not UTF-8 at byte 4"),
            (b'["\xed\xa0\x80"]', "not UTF-8 at byte 2"),
            (b'["a\nb"]', "not JSON"),
            (b"[NaN]", "NaN"),
            (b"[-Infinity]", "NaN"),
            (b"[1e999]", "out of range"),
            (b'[{"k":1,"l":2,"k":1}]', "a key twice"),
            (b'{"a":"\\ud800"}', "a lone surrogate at character 6"),
            (b'["\\ud83d\\ude00\\\\ud800\\uDC00"]', "a lone surrogate at character 21"),
            (b'["\\ud800\\ud800"]', "a lone surrogate at character 2"),
            (b'{"\\udfff":1}', "a lone surrogate at character 2"),
            ('["\ud800"]', "a lone surrogate at character 2"),
            (b"9" * (sys.get_int_max_str_digits() + 1), "too many digits"),
            (b"[" * 100_000, "nested too deep|not JSON"),
        ],
    )
    def test_refuses_what_is_not_strict_json_and_says_where(self, data: bytes | str, message: str) -> None:
        with pytest.raises(ValueError, match=message) as caught:
            loads(data)
        assert type(caught.value) is ValueError

    def test_a_deep_stack_of_the_caller_is_no_fault_of_the_text(self) -> None:
        value = nested(MAX_STORED_DEPTH - 1, "\\")
        text = json.dumps(value)  # with spaces, so it is not read at once
        assert all(same(found, value) for found in until_it_overflows(lambda: loads(text)))

    @pytest.mark.parametrize("text", ['{"api_key":"hush', '{"k":"hush","k":"hush"}', '["hush\\ud800"]', '["hush",NaN]'])
    def test_an_error_and_those_behind_it_do_not_carry_the_contents(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"\w") as caught:
            loads(text.encode())
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        assert "hush" not in str(caught.value)

    def test_takes_escaped_pairs_and_what_only_looks_like_a_surrogate(self) -> None:
        assert loads(b'["\\ud83d\\ude00", "\\\\ud800"]') == ["\U0001f600", "\\ud800"]

    def test_takes_big_integers(self) -> None:
        assert loads(b"1" + b"0" * 600) == 10**600

    def test_limits_the_nesting_of_stored_text_above_that_of_values(self) -> None:
        assert MAX_DEPTH < MAX_STORED_DEPTH
        assert same(loads(dumps(nested(MAX_STORED_DEPTH))), nested(MAX_STORED_DEPTH))
        with pytest.raises(ValueError, match=f"nested deeper than {MAX_STORED_DEPTH}"):
            loads(dumps(nested(MAX_STORED_DEPTH + 1)))


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: int
    y: float


class Real(float):
    def __repr__(self) -> str:
        return "real"


class TestCheck:
    @settings(deadline=None)
    @given(DOCUMENTS)
    def test_copies_every_json_value_exactly(self, value: Any) -> None:
        assert same(check(value), value)

    def test_later_changes_of_the_original_do_not_reach_the_copy(self) -> None:
        value: dict[str, Any] = {"a": [{"b": 1}]}
        found = check(value)
        value["a"][0]["b"] = 2
        value["a"].append(3)
        assert found == {"a": [{"b": 1}]}

    def test_makes_plain_values_of_tuples_and_subclasses(self) -> None:
        ordered = OrderedDict(a=1, b=2)
        ordered.move_to_end("a")
        value = {
            Colour.RED: (1, (2,)),
            "e": [Colour.RED, Level.HIGH, Point(1, 2.5), Real(0.5), defaultdict(int, q=1), ordered],
        }
        found = check(value)
        assert dumps(found) == '{"red":[1,[2]],"e":["red",3,[1,2.5],0.5,{"q":1},{"b":2,"a":1}]}'
        exact_bytes(found)  # it refuses instances of subclasses

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (float("nan"), "session is NaN or infinite"),
            ({"a": [0, float("-inf")]}, r"session\.a\[1\] is NaN or infinite"),
            (
                {"messages": [0, 0, 0, {"content": "\ud800hush"}]},
                r"session\.messages\[3\]\.content holds a lone surrogate",
            ),
            ({"a": {"\ud800": 1}}, r"session\.a has a key with a lone surrogate"),
            ({"a": [{1: "hush"}]}, r"session\.a\[0\] has a key of type int"),
            ({"a": {"b-c": {1, 2}}}, r'session\.a\["b-c"\] is not JSON but of type set'),
            ({"a": ({"k" * 50: Decimal(1)},)}, r'session\.a\[0\]\["k{40}"\.\.\.\] is not JSON but of type Decimal'),
            ([[b"hush"]], r"session\[0\]\[0\] is not JSON but of type bytes"),
            ([Ref("0" * 64, 1, "text")], r"session\[0\] is not JSON but of type Ref"),
            ([10**640], r"session\[0\] is an integer of more than 640 digits"),
            ([object], r"session\[0\] is not JSON but of type type"),
        ],
    )
    def test_names_the_place_and_never_the_value(self, value: Any, message: str) -> None:
        with pytest.raises(InvalidValueError, match=message + "[^:]*$") as caught:
            check(value, what="session")
        assert "hush" not in str(caught.value)

    def test_takes_binary_values_where_they_are_allowed(self) -> None:
        stored = ref("x")
        found = check({"a": [b"raw", stored]}, binary=True)
        assert isinstance(found, dict)
        assert isinstance(found["a"], list)
        assert found["a"][0] == b"raw"
        assert found["a"][1] is stored

    def test_takes_the_deepest_allowed_value_and_no_deeper_one(self) -> None:
        assert same(check(nested(MAX_DEPTH)), nested(MAX_DEPTH))
        with pytest.raises(InvalidValueError, match=f"nested deeper than {MAX_DEPTH}"):
            check(nested(MAX_DEPTH + 1))

    def test_refuses_a_value_that_holds_itself(self) -> None:
        value: list[Any] = []
        value.append(value)
        with pytest.raises(InvalidValueError, match="nested deeper"):
            check(value)

    def test_takes_the_longest_integers_that_every_interpreter_reads(self) -> None:
        assert check([10**640 - 1, 1 - 10**640]) == [10**640 - 1, 1 - 10**640]


class TestSame:
    @pytest.mark.parametrize(
        ("a", "b"),
        [
            (1, 1.0),
            (1, True),
            (0, False),
            (1.0, True),
            (0.0, -0.0),
            (0, None),
            ("1", 1),
            ([], {}),
            ("a", b"a"),
            ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
            ({"a": 1}, {"a": 1, "b": 1}),
            ([1, 2], [1, 2, 3]),
            ({"a": 1}, {"b": 1}),
        ],
    )
    def test_tells_apart_what_only_python_calls_equal(self, a: Any, b: Any) -> None:
        slow = ref("beside")  # with a reference beside it the comparison goes another way
        wraps: list[Callable[[Any], Any]] = [lambda v: v, lambda v: [v], lambda v: {"k": [v]}, lambda v: [v, slow]]
        for wrap in wraps:
            assert not same(wrap(a), wrap(b))
            assert not same(wrap(b), wrap(a))
            assert same(wrap(a), wrap(copy.deepcopy(a)))

    @settings(deadline=None, max_examples=300)
    @given(edited() | st.tuples(DOCUMENTS, DOCUMENTS))
    @example(([1], [True]))
    def test_agrees_with_the_written_text(self, pair: tuple[Any, Any]) -> None:
        a, b = pair
        slow = ref("beside")
        expected = json.dumps(a) == json.dumps(b)
        assert same(a, b) is expected
        assert same([a, slow], [b, slow]) is expected

    def test_does_not_depend_on_what_is_interned_or_shared(self) -> None:
        fresh = "".join(["some", "_", "key"])
        interned = sys.intern("some_key")
        assert fresh is not interned
        part = {"some_key": [fresh, interned]}
        shared: Any = [part, part, interned, interned]
        apart: Any = [{"".join(["some_", "key"]): [interned, fresh]}, copy.deepcopy(part), fresh, interned]
        assert exact_bytes(shared) == exact_bytes(apart)
        assert same(shared, apart)

    def test_equal_copies_that_share_nothing_are_the_same(self) -> None:
        value: Any = [{"role": "user", "n": [i, i / 7, None, {"t": f"text {i}"}]} for i in range(500)]
        assert same(value, json.loads(json.dumps(value)))
        assert same(nested(MAX_DEPTH), nested(MAX_DEPTH))
        assert same(nested(MAX_DEPTH, ref("x")), nested(MAX_DEPTH, "x"))

    def test_a_reference_is_what_it_names(self) -> None:
        big = "é" * 1000
        assert same({"a": [ref(big), 1]}, {"a": [big, 1]})
        assert same({"a": [big, 1]}, {"a": [ref(big), 1]})
        assert same([ref(big), memoryview(b"raw")], [ref(big, packed=False), ref(b"raw")])
        assert not same([ref(big)], [big + "!"])
        assert not same([ref(big)], [[big]])
        assert not same([ref(big)], [None])


class TestRef:
    def test_matches_the_same_contents_of_the_same_kind_only(self) -> None:
        assert ref("é").matches("é")
        assert ref(b"\xff").matches(memoryview(b"\xff"))
        assert ref("a").matches(ref("a", packed=False))
        assert not ref("a").matches("b")
        assert not ref("a").matches(memoryview(b"a"))
        assert not ref(b"a").matches("a")
        assert not ref(b"a").matches(ref("a"))
        assert not ref("ab").matches("é")

    def test_a_digest_alone_is_not_enough_and_neither_is_a_size(self) -> None:
        assert not Ref(ref("a").name, 2, "text").matches("a")
        assert not Ref(ref("b").name, 1, "text").matches("a")

    def test_hashes_and_compares_by_what_it_names(self) -> None:
        assert len({ref("a"), ref("a", packed=False), ref("b"), ref(b"a")}) == 3
        assert ref("a") != "a"
        assert pickle.loads(pickle.dumps(ref("a"))) == ref("a")
