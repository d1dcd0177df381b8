"""The tests of the seed's types, under their names (docs/seed.md)."""

from __future__ import annotations

from objstore import SessionData, ToolDefinition

from .samples import session_data


def test_session_data_serialization() -> None:
    session = session_data()
    parsed = SessionData.model_validate_json(session.model_dump_json())
    assert parsed.id == session.id
    assert len(parsed.messages) == len(session.messages)
    assert parsed == session


def test_tool_names_from_definitions() -> None:
    tools = [
        ToolDefinition(name="bash", description="Execute bash", parameters={}),
        ToolDefinition(name="read", description="Read file", parameters={}),
    ]
    assert SessionData.tool_names_from_definitions(tools) == ["bash", "read"]
