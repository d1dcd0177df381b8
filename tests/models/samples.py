"""A session that uses every optional field, as a JSON document in the order of the wire."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from objstore.models import _documents as documents

CORPUS = Path(__file__).parents[1] / "data" / "a3s-2.2.0"

USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 2,
    "total_tokens": 3,
    "cache_read_tokens": None,
    "cache_write_tokens": 4,
}

CONFIG: dict[str, Any] = {
    "name": "Test",
    "workspace": "/srv",
    "system_prompt": None,
    "max_context_length": 200000,
    "auto_compact": False,
    "auto_compact_threshold": 0.8,
    "storage_type": "file",
    "queue_config": {
        "controlMaxConcurrency": 4,
        "queryMaxConcurrency": 12,
        "executeMaxConcurrency": 4,
        "generateMaxConcurrency": 2,
        "laneHandlers": {"Query": {"mode": "External", "timeout_ms": 60000}},
        "enableDlq": True,
        "dlqMaxSize": None,
        "enableMetrics": False,
        "enableAlerts": False,
        "defaultTimeoutMs": 5,
        "storagePath": None,
        "retryPolicy": {"strategy": "fixed", "maxRetries": 3, "initialDelayMs": 100, "fixedDelayMs": None},
        "rateLimit": {"limitType": "per_second", "maxOperations": 7},
        "priorityBoost": {"strategy": "standard", "deadlineMs": None},
        "pressureThreshold": None,
        "laneTimeouts": {"Execute": 9},
    },
    "confirmation_policy": {
        "enabled": True,
        "default_timeout_ms": 200,
        "timeout_action": "AutoApprove",
        "yolo_lanes": ["Query", "Execute"],
    },
    "permission_policy": {
        "deny": [],
        "allow": [{"rule": "bash(ls:*)"}],
        "ask": [],
        "default_decision": "Ask",
        "enabled": True,
    },
    "max_parallel_tasks": 3,
    "auto_delegation": {"enabled": True, "autoParallel": False, "minConfidence": 0.72, "maxTasks": 4},
    "parent_id": "p",
    "security_config": {
        "enabled": True,
        "classification_rules": [
            {"name": "n", "pattern": "p", "level": "HighlySensitive", "description": "d"},
        ],
        "redaction_strategy": "Hash",
        "network_whitelist": ["a"],
        "dangerous_commands": ["b"],
        "features": {
            "output_sanitizer": True,
            "taint_tracking": False,
            "tool_interceptor": True,
            "injection_defense": False,
        },
    },
    "planning_mode": "Enabled",
    "goal_tracking": True,
}

SESSION: dict[str, Any] = {
    "id": "s",
    "config": CONFIG,
    "state": "Active",
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": "c", "name": "bash", "input": {"zeta": [1, {"n": None}], "alpha": 2}}
            ],
            "reasoning_content": "",
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c",
                    "content": [
                        {"type": "text", "text": "x"},
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
                    ],
                    "is_error": None,
                },
                {"type": "tool_result", "tool_use_id": "c", "content": "plain", "is_error": False},
            ],
        },
    ],
    "context_usage": {"used_tokens": 0, "max_tokens": 200000, "percent": 0.0005, "turns": 1},
    "total_usage": USAGE,
    "total_cost": 0.25,
    "model_name": "m",
    "cost_records": [
        {
            "model": "m",
            "provider": "p",
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "cost_usd": None,
            "timestamp": "2026-11-22T11:46:00.123456789Z",
            "session_id": None,
        }
    ],
    "tool_names": ["bash"],
    "thinking_enabled": False,
    "thinking_budget": None,
    "created_at": 1700000000,
    "updated_at": 1700000100,
    "llm_config": {"provider": "anthropic", "model": "m", "base_url": None},
    "tasks": [
        {
            "id": "1",
            "content": "c",
            "status": "in_progress",
            "priority": "high",
            "tool": "t",
            "dependencies": ["0"],
            "success_criteria": "s",
        }
    ],
    "parent_id": "p",
}

TRACE: dict[str, Any] = {
    "schema": "a3s.trace_event.v1",
    "kind": "tool_execution",
    "name": "read",
    "success": True,
    "exit_code": -1,
    "duration_ms": 9,
    "output_bytes": 12,
    "metadata_keys": ["a"],
    "artifact_uris": ["a3s://tool-output/read/abc"],
    "details": {"b": [1]},
}

REPORT: dict[str, Any] = {
    "schema": "a3s.verification_report.v1",
    "subject": "x",
    "status": "needs_review",
    "checks": [
        {
            "id": "i",
            "kind": "k",
            "description": "d",
            "status": "skipped",
            "required": True,
            "suggested_tools": ["bash"],
            "evidence_uris": ["u"],
            "residual_risk": "r",
        }
    ],
    "residual_risks": ["rr"],
}

ARTIFACT: dict[str, Any] = {
    "artifact_id": "tool-output:test:a",
    "artifact_uri": "a3s://tool-output/test/a",
    "tool_name": "test",
    "content": "artifact content",
    "original_bytes": 16,
    "shown_bytes": 4,
}


def run(*events: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Make a run record of these events."""
    snapshot = {
        "id": "run-1",
        "session_id": "s",
        "status": "failed",
        "prompt": "p",
        "created_at_ms": 1,
        "updated_at_ms": 2,
        "result_text": "r",
        "error": "e",
        "event_count": len(events),
    }
    records = [{"sequence": n, "timestamp_ms": n, "event": event} for n, event in enumerate(events)]
    return {"snapshot": {**snapshot, **changes}, "events": records}


def changed(document: Any, path: str, value: Any) -> Any:
    """Copy a document with the value at `path` replaced; with ``...`` as the value it is taken out."""
    copied = copy.deepcopy(document)
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    place = copied
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copied


def corpus() -> list[tuple[str, TypeAdapter[Any]]]:
    """List the sample files with the part that each one is."""
    of_directory: dict[str, TypeAdapter[Any]] = {
        "artifacts": documents.ARTIFACTS,
        "traces": documents.TRACE_EVENTS,
        "runs": documents.RUN_RECORDS,
        "verification": documents.VERIFICATION_REPORTS,
    }
    names = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("*.json"))
    return [(name, of_directory[name.split("/")[0]] if "/" in name else documents.SESSION) for name in names]
