"""A run on disk: how it is written, checked, found and read."""
