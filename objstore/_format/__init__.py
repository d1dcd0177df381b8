"""What is stored: documents, patches, commits, objects and their names, as pure functions (docs/format.md)."""
