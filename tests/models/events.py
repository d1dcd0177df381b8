"""One event of every type that the seed knows, in the order of the wire."""

from __future__ import annotations

from typing import Any

from .samples import SESSION, USAGE

GOAL = {
    "description": "d",
    "success_criteria": ["s"],
    "progress": 0.5,
    "achieved": False,
    "created_at": -1,
    "achieved_at": None,
}
PLAN = {
    "goal": "g",
    "steps": SESSION["tasks"],
    "complexity": "VeryComplex",
    "required_tools": ["t"],
    "estimated_steps": 1,
}
SUMMARY = {
    "status": "failed",
    "report_count": 1,
    "required_check_count": 2,
    "pending_required_check_count": 3,
    "failed_check_count": 4,
    "residual_risk_count": 5,
    "pending_subjects": ["a"],
    "failed_subjects": ["b"],
}
META = {
    "provider": "openai",
    "request_model": "m",
    "request_url": "u",
    "response_id": "i",
    "response_model": "m",
    "response_object": "o",
    "first_token_ms": 0,
    "duration_ms": 1,
}

EVENTS: list[dict[str, Any]] = [
    {"type": "agent_start", "prompt": "p"},
    {"type": "agent_mode_changed", "mode": "general", "agent": "a", "description": "d"},
    {"type": "turn_start", "turn": 1},
    {"type": "text_delta", "text": "t"},
    {"type": "reasoning_delta", "text": "t"},
    {"type": "tool_start", "id": "i", "name": "n"},
    {"type": "tool_input_delta", "delta": "{"},
    {"type": "tool_output_delta", "id": "i", "name": "n", "delta": "d"},
    {"type": "tool_end", "id": "i", "name": "n", "output": "o", "exit_code": -1},
    {
        "type": "tool_end",
        "id": "i",
        "name": "n",
        "output": "o",
        "exit_code": 0,
        "metadata": {"a": [None]},
        "error_kind": {"type": "not_found", "path": "x"},
    },
    {"type": "turn_end", "turn": 1, "usage": USAGE},
    {"type": "agent_end", "text": "t", "usage": USAGE, "verification_summary": SUMMARY, "meta": META},
    {"type": "error", "message": "m"},
    {"type": "confirmation_required", "tool_id": "i", "tool_name": "n", "args": [1], "timeout_ms": 2**64 - 1},
    {"type": "confirmation_received", "tool_id": "i", "approved": True, "reason": None},
    {"type": "confirmation_timeout", "tool_id": "i", "action_taken": "rejected"},
    {
        "type": "external_task_pending",
        "task_id": "t",
        "session_id": "s",
        "lane": "Generate",
        "command_type": "c",
        "payload": "p",
        "timeout_ms": 1,
    },
    {"type": "external_task_completed", "task_id": "t", "session_id": "s", "success": False},
    {"type": "permission_denied", "tool_id": "i", "tool_name": "n", "args": None, "reason": "r"},
    {"type": "context_resolving", "providers": ["p"]},
    {"type": "context_resolved", "total_items": 1, "total_tokens": 2},
    {
        "type": "command_dead_lettered",
        "command_id": "i",
        "command_type": "c",
        "lane": "any text",
        "error": "e",
        "attempts": 2**32 - 1,
    },
    {"type": "command_retry", "command_id": "i", "command_type": "c", "lane": "l", "attempt": 1, "delay_ms": 2},
    {"type": "queue_alert", "level": "l", "alert_type": "a", "message": "m"},
    {"type": "task_updated", "session_id": "s", "tasks": SESSION["tasks"]},
    {"type": "memory_stored", "memory_id": "i", "memory_type": "t", "importance": 0.5, "tags": ["t"]},
    {"type": "memory_recalled", "memory_id": "i", "content": "c", "relevance": 0.25},
    {"type": "memories_searched", "query": None, "tags": [], "result_count": 0},
    {"type": "memory_cleared", "tier": "working", "count": 1},
    {
        "type": "subagent_start",
        "task_id": "t",
        "session_id": "s",
        "parent_session_id": "p",
        "agent": "a",
        "description": "d",
    },
    {"type": "subagent_progress", "task_id": "t", "session_id": "s", "status": "x", "metadata": {}},
    {"type": "subagent_end", "task_id": "t", "session_id": "s", "agent": "a", "output": "o", "success": True},
    {"type": "planning_start", "prompt": "p"},
    {"type": "planning_end", "plan": PLAN, "estimated_steps": 1},
    {"type": "step_start", "step_id": "s", "description": "d", "step_number": 1, "total_steps": 2},
    {"type": "step_end", "step_id": "s", "status": "cancelled", "step_number": 1, "total_steps": 2},
    {"type": "goal_extracted", "goal": GOAL},
    {"type": "goal_progress", "goal": "g", "progress": 0.5, "completed_steps": 1, "total_steps": 2},
    {"type": "goal_achieved", "goal": "g", "total_steps": 1, "duration_ms": -(2**63)},
    {
        "type": "context_compacted",
        "session_id": "s",
        "before_messages": 2,
        "after_messages": 1,
        "percent_before": 0.9,
    },
    {"type": "persistence_failed", "session_id": "s", "operation": "o", "error": "e"},
    {"type": "btw_answer", "question": "q", "answer": "a", "usage": USAGE},
]
