"""The protocols that keep logs in order: retention, collection, verification, repair."""
