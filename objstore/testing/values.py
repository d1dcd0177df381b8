"""The part of the conformance suite for stores that is about what is kept: odd, big, secret or changed later."""

# A test says what it proves in its name.
# ruff: noqa: D102

from __future__ import annotations

import pytest

from ..errors import InvalidValueError
from ..models import ArtifactStore, LlmConfigData, Message
from ..store import SessionStore
from .samples import ODD_TEXTS, artifact, artifacts, loaded, session, texts, trace


class ValueTests:
    """What every store does with the values that it is given; see `objstore.testing.store.StoreTests`.

    Attributes:
        big: How many characters the biggest message and artifact have.
    """

    big = 3_000_000

    def test_what_is_saved_or_loaded_is_shared_with_nobody(self, store: SessionStore, other: SessionStore) -> None:
        saved, kept = session("s", "one"), artifacts("a")
        store.commit(saved, artifacts=kept)
        saved.messages.clear()
        kept.put(artifact("b", "b"))
        for reader in (store, other):
            for _ in range(2):
                found, output = loaded(reader, "s"), reader.load_artifacts("s")
                assert (texts(found), output) == (["one"], artifacts("a"))
                found.messages.clear()
                assert output is not None
                output.put(artifact("b", "b"))

    def test_an_artifact_that_is_put_stands_behind_the_others(self, store: SessionStore, other: SessionStore) -> None:
        store.commit(session("s", "one"), artifacts=artifacts("a"))
        text = "caf\u00e9 " * 20_000
        put = store.put_artifact("s", text, tool_name="t")
        assert other.artifact("s", put.uri) == put
        assert other.artifact("s", "a3s://none") is None
        kept = [(each.artifact_uri, each.content) for each in other.load_artifacts("s") or ArtifactStore()]
        assert kept[1:] == [(put.uri, text)]

    def test_any_text_comes_back_as_it_was(self, store: SessionStore, other: SessionStore) -> None:
        odd = session("s", *ODD_TEXTS)
        odd.config.name = ODD_TEXTS[3]
        store.commit(odd, trace_events=[trace(text) for text in ODD_TEXTS], artifacts=artifacts(*ODD_TEXTS))
        assert loaded(other, "s") == odd
        assert other.load_trace_events("s") == [trace(text) for text in ODD_TEXTS]
        assert other.load_artifacts("s") == artifacts(*ODD_TEXTS)

    def test_what_is_no_json_is_refused_and_leaves_the_old(self, store: SessionStore) -> None:
        store.save(session("s", "one"))
        with pytest.raises(InvalidValueError):
            store.save(session("s", "\ud800"))
        assert texts(loaded(store, "s")) == ["one"]

    def test_big_values_come_back(self, store: SessionStore, other: SessionStore) -> None:
        big = session("s", "\u00e9" * self.big, *(f"message {number} " * 100 for number in range(500)))
        output = ArtifactStore()
        output.put(artifact("big", "x" * self.big))
        store.commit(big, artifacts=output)
        same = loaded(other, "s") == big
        assert same, "a big session came back as another"  # a diff of the two would take megabytes
        same = other.load_artifacts("s") == output
        assert same, "a big artifact came back as another"
        other.append("s", messages=[Message.user("last")])
        same = texts(loaded(store, "s")) == [*texts(big), "last"]
        assert same, "a message that was appended to a big session is not at its end"

    def test_a_key_of_a_model_is_never_stored(self, store: SessionStore, other: SessionStore) -> None:
        secret = session("s", "x")
        secret.llm_config = LlmConfigData(provider="p", model="m", api_key="sk-secret")
        store.save(secret)
        assert secret.llm_config.api_key == "sk-secret"  # the caller goes on with it
        found = loaded(other, "s").llm_config
        assert found is not None
        assert (found.provider, found.api_key) == ("p", None)
