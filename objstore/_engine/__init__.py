"""What stands behind the faces: an opened place, its driver and memory, and the calls in terms of the models."""
