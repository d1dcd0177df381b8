"""Strands Agents: sessions in a document store, as a repository and as a session manager.

`changes` says what lies in a document and what may be done to it, `edits` commits that.
"""

from __future__ import annotations

try:
    import strands.session  # noqa: F401 - what the modules below stand on
except ImportError as error:
    raise ImportError("Strands Agents is not installed: pip install 'objstore[strands]'") from error

from .changes import SessionConflictError
from .manager import ObjstoreSessionManager
from .repository import ObjstoreSessionRepository

__all__ = ["ObjstoreSessionManager", "ObjstoreSessionRepository", "SessionConflictError"]
