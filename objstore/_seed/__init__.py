"""What the seed knows of a session: its five parts, and the files in which it keeps them."""
