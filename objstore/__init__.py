"""Sessions of AI agents on any object storage."""
