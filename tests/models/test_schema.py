"""JSON schemas of the models, which web frameworks ask for."""

from __future__ import annotations

import inspect
from typing import Any, Literal

import pytest
from pydantic import BaseModel

import objstore.models
from objstore import SessionData

PUBLIC = [getattr(objstore.models, name) for name in objstore.models.__all__]
MODELS = [model for model in PUBLIC if inspect.isclass(model) and issubclass(model, BaseModel)]


@pytest.mark.parametrize("mode", ["validation", "serialization"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_has_one(model: type[BaseModel], mode: Literal["validation", "serialization"]) -> None:
    assert model.model_json_schema(mode=mode)["type"] == "object"


def test_a_free_json_value_may_be_anything() -> None:
    schema: dict[str, Any] = SessionData.model_json_schema()
    assert schema["$defs"]["ToolUseBlock"]["properties"]["input"] == {"title": "Input"}
