"""The protocols of one log: read, save, fork, list. They know no clock, thread, loop or backend, only `ops`."""
