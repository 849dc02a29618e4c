"""Gaps of a text filled by a model that reads from both ends, or by one that reads from the left."""
