"""What this library tests itself with, for the tests of those who build on it.

`objstore.testing.backend` is the conformance suite for a backend of one's own; importing it imports pytest, importing
this package does not. `objstore.testing.faults` wraps a backend in faults.
"""
