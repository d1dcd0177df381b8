from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objstore._seed.wire import MAX_DEPTH, WireError, decode, encode
from objstore.errors import InvalidValueError
from objstore.models import ContextUsage, ToolUseBlock
from objstore.models import _documents as documents
from objstore.models._documents import from_document
from objstore.models._numbers import f32_text, f64_text, round_f32
from tests.stack import until_it_overflows

from .samples import SESSION, TRACE, changed, run

TEXT = json.dumps(SESSION, indent=2, ensure_ascii=False)


@pytest.mark.parametrize(
    ("value", "f64", "f32"),
    [
        (0.0, "0.0", "0.0"),
        (-0.0, "-0.0", "-0.0"),
        (2.0, "2.0", "2.0"),
        (1e-4, "0.0001", "0.0001"),
        (1e-5, "0.00001", "0.00001"),
        (1.5e-5, "0.000015", "0.000015"),
        (1e-6, "1e-6", "0.000001"),
        (1.25e-6, "1.25e-6", "0.00000125"),
        (1e-7, "1e-7", "1e-7"),
        (-1.5e-7, "-1.5e-7", "-1.5e-7"),
        (1e12, "1000000000000.0", "1000000000000.0"),
        (1e13, "10000000000000.0", "1e+13"),
        (9007199254740993.0, "9007199254740992.0", "9.007199e+15"),
        (1e16, "1e+16", "1e+16"),
        (1.5e300, "1.5e+300", "1.5e+300"),
        (1 / 3, "0.3333333333333333", "0.33333334"),
        (0.8, "0.8", "0.8"),
        (0.0005, "0.0005", "0.0005"),
        (123456789.0, "123456789.0", "123456790.0"),
        (16777217.0, "16777217.0", "16777216.0"),
        (5e-324, "5e-324", "0.0"),
        (1.2345678901234568e29, "1.2345678901234568e+29", "1.2345679e+29"),
        (3.4028234663852886e38, "3.4028234663852886e+38", "3.4028235e+38"),
        (1e-45, "1e-45", "1e-45"),
        # Powers of two whose shortest decimal is not the nearest one of its length.
        (2.0**-96, "1.262177448353619e-29", "1.2621775e-29"),
        (2.0**87, "1.5474250491067253e+26", "1.5474251e+26"),
        (2.0**90, "1.2379400392853803e+27", "1.2379401e+27"),
    ],
)
def test_numbers_are_printed_as_rust_prints_them(value: float, f64: str, f32: str) -> None:
    assert (f64_text(value), f32_text(value)) == (f64, f32)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_single_is_printed_with_digits_that_bring_it_back(value: float) -> None:
    assert struct.pack("<f", float(f32_text(value))) == struct.pack("<f", value)
    assert round_f32(round_f32(value)) == round_f32(value)
    assert len(f32_text(value)) <= len(f64_text(value)) or abs(value) < 1e-5 or "e" not in f64_text(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_printed_with_digits_that_bring_it_back(value: float) -> None:
    text = f64_text(value)
    assert struct.pack("<d", float(text)) == struct.pack("<d", value)
    assert ("e" in text) == (value != 0 and not 1e-5 <= abs(value) < 1e16)


def test_single_precision_is_known_by_the_field_and_not_by_the_value() -> None:
    document = changed(changed(SESSION, "context_usage.percent", 1e-6), "messages.1.content.0.input", 1e-6)
    data = encode(documents.SESSION, from_document(documents.SESSION, document))
    assert b'"percent": 0.000001,' in data
    assert b'"input": 1e-6\n' in data
    assert encode(documents.SESSION, decode(documents.SESSION, data)) == data


def test_a_single_precision_field_holds_a_single() -> None:
    usage = ContextUsage(used_tokens=0, max_tokens=1, percent=1 / 3, turns=0)
    assert usage.percent == 0.33333334
    usage.percent = 0.0005
    assert usage.percent == 0.0005
    usage.percent = 1e39  # the seed reads it as an infinity, and could not read back what it would write
    assert usage.percent == 1e39


def test_integers_of_any_size_are_kept() -> None:
    numbers = [2**64 - 1, -(2**63), 10**29, 0]
    document = changed(SESSION, "messages.1.content.0.input", numbers)
    data = encode(documents.SESSION, from_document(documents.SESSION, document))
    assert json.loads(data)["messages"][1]["content"][0]["input"] == numbers


def test_only_control_characters_and_quotes_are_escaped() -> None:
    text = '\x00\x01\b\t\n\x0b\f\r\x1f\x7f"\\/é\u2028\U0001f680'
    data = encode(documents.SESSION, from_document(documents.SESSION, {**SESSION, "id": text}))
    expected = '"\\u0000\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\\"\\\\/é\u2028\U0001f680"'
    assert data.startswith(f'{{\n  "id": {expected},\n'.encode())
    assert decode(documents.SESSION, data).id == text


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "line 1 column 1"),
        (b" ", "line 1 column 2"),
        (b"{", "line 1 column 2"),
        (TEXT.encode()[:1000], "line 41 column 8"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "BOM"),
        (TEXT.encode("utf-16"), "not UTF-8"),
        (TEXT.encode() + b"\0", "Extra data"),
        (TEXT.encode() + b"{}", "Extra data"),
        (TEXT.replace("Test", "\\ud800").encode(), "surrogate"),
        (TEXT.replace("Test", "\\uDFFFx").encode(), "surrogate"),
        (TEXT.replace('"alpha"', '"\\ud800"').encode(), "surrogate"),
        (TEXT.encode().replace(b"Test", b"\xff"), "not UTF-8"),
        (TEXT.encode().replace(b"Test", b"\xed\xa0\x80"), "not UTF-8"),
        (TEXT.replace("Test", "a\nb").encode(), "control character"),
        (TEXT.replace("Test", "a\x1fb").encode(), "control character"),
        (TEXT.replace("0.25", "NaN").encode(), "NaN"),
        (TEXT.replace("0.25", "-Infinity").encode(), "Infinity"),
        (TEXT.replace("0.25", "1e400").encode(), "out of range"),
        (TEXT.replace("0.25", "01").encode(), "not JSON"),
        (TEXT.replace("0.25", "9" * 5000).encode(), "digits"),
        (TEXT.replace("1700000000", "1.0").encode(), "created_at"),
        (TEXT.replace("1700000000", "1" * 40).encode(), "created_at"),
        (b"[" * 100_000, "nested"),
        (b"[]", "dictionary"),
        (b"null", "dictionary"),
        (b'"x"', "dictionary"),
    ],
)
def test_bytes_that_the_seed_would_not_read_are_refused(data: bytes, problem: str) -> None:
    with pytest.raises(WireError, match=problem) as caught:
        decode(documents.SESSION, data)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "change",
    [
        ('"id": "s"', '"id": "s", "id": "s"'),
        ('"name": "Test"', '"name": "Test", "name": "Test"'),
        ('"role": "user"', '"role": "user", "role": "user"'),
        ('"type": "tool_use"', '"type": "tool_use", "type": "tool_use"'),
        ('"type": "text"', '"type": "text", "type": "text"'),
        ('"percent": 0.0005', '"percent": 0.0005, "percent": 0.0005'),
    ],
)
def test_a_field_that_is_named_twice_is_refused(change: tuple[str, str]) -> None:
    assert change[0] in TEXT
    with pytest.raises(WireError):
        decode(documents.SESSION, TEXT.replace(*change, 1).encode())


def test_of_a_key_that_a_free_value_names_twice_the_last_one_counts() -> None:
    data = TEXT.replace('"alpha": 2', '"alpha": 2, "alpha": {"x": 3, "x": 4}').encode()
    block = decode(documents.SESSION, data).messages[1].content[0]
    assert isinstance(block, ToolUseBlock)
    assert block.input == {"zeta": [1, {"n": None}], "alpha": {"x": 4}}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(SESSION, separators=(",", ":")),
        TEXT.replace("\n", "\r\n"),
        TEXT + " \t\r\n",
        json.dumps(SESSION, ensure_ascii=True),
        json.dumps(dict(reversed(SESSION.items()))),
    ],
    ids=["compact", "crlf", "trailing whitespace", "escaped", "another order"],
)
def test_other_forms_of_the_same_json_are_read(text: str) -> None:
    assert encode(documents.SESSION, decode(documents.SESSION, text.encode())).decode() == TEXT


def test_a_pair_of_surrogates_is_read_as_one_character() -> None:
    data = TEXT.replace("Test", "\\ud83d\\ude80 \\\\ud800").encode()
    assert decode(documents.SESSION, data).config.name == "\U0001f680 \\ud800"


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize("innermost", [[], {}, 1, {"a": 1}])
def test_the_arguments_of_a_tool_may_be_nested_122_deep(innermost: Any) -> None:
    deepest = 122 - isinstance(innermost, (list, dict))
    value = innermost
    for _ in range(deepest):
        value = [value]
    document = changed(SESSION, "messages.1.content.0.input", value)
    data = encode(documents.SESSION, from_document(documents.SESSION, document))
    assert decode(documents.SESSION, data) == from_document(documents.SESSION, document)

    deeper = changed(SESSION, "messages.1.content.0.input", [value])
    with pytest.raises(InvalidValueError, match=f"nested more than {MAX_DEPTH} deep"):
        encode(documents.SESSION, from_document(documents.SESSION, deeper))
    with pytest.raises(WireError, match=f"nested more than {MAX_DEPTH} deep"):
        decode(documents.SESSION, json.dumps(deeper).encode())


def test_a_deep_stack_of_the_caller_is_no_fault_of_the_file() -> None:
    deepest = [{**TRACE, "details": nested(MAX_DEPTH - 2)}]
    data = json.dumps(deepest).encode()
    expected = from_document(documents.TRACE_EVENTS, deepest)
    assert all(found == expected for found in until_it_overflows(lambda: decode(documents.TRACE_EVENTS, data)))


def test_depth_counts_from_the_root_of_each_file() -> None:
    trace = [{**TRACE, "details": nested(MAX_DEPTH - 2)}]
    data = encode(documents.TRACE_EVENTS, from_document(documents.TRACE_EVENTS, trace))
    assert json.loads(data) == trace
    deeper = [{**TRACE, "details": nested(MAX_DEPTH - 1)}]
    with pytest.raises(WireError, match="nested"):
        decode(documents.TRACE_EVENTS, json.dumps(deeper).encode())


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda block: block.input.update(secret=float("nan")), "NaN"),
        (lambda block: block.input.update(secret=b"secret"), "bytes"),
        (lambda block: block.input.update({7: "secret"}), "key is int"),
        (lambda block: block.input.update(secret="secret\ud800"), "surrogate"),
        (lambda block: block.input.update(secret=10**309), "integer"),
        (lambda block: block.input.update(secret=nested(190)), "nested"),
        (lambda block: block.input.update(secret=block.input), "nested"),
    ],
)
def test_what_the_seed_could_not_read_back_is_not_written(spoil: Any, problem: str) -> None:
    session = from_document(documents.SESSION, SESSION)
    spoil(session.messages[1].content[0])
    with pytest.raises(InvalidValueError, match=problem) as caught:
        encode(documents.SESSION, session)
    assert "secret" not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_place_of_a_problem_is_named_without_contents() -> None:
    document = changed(changed(SESSION, "messages.1.content.0.id", 5), "llm_config.model", ["secret"])
    with pytest.raises(WireError) as caught:
        decode(documents.SESSION, json.dumps(document).encode())
    assert str(caught.value) == "messages.1.content.0.tool_use.id: Input should be a valid string (and 1 more)"


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_truncated_file_is_never_half_a_session(cut: int) -> None:
    data = TEXT.encode()
    with pytest.raises(WireError):
        decode(documents.SESSION, data[: len(data) * cut // 400])


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        records = decode(documents.RUN_RECORDS, data)
    except WireError as error:
        assert error.__context__ is None  # noqa: PT017 - which bytes are refused is for other tests to say
    else:
        assert records == []


def test_runs_of_all_sizes_are_written_alike() -> None:
    document = [run(*({"type": "turn_start", "turn": n} for n in range(500)))]
    records = from_document(documents.RUN_RECORDS, document)
    assert encode(documents.RUN_RECORDS, records).decode() == json.dumps(document, indent=2)
