"""Texts with a name: one that every Python carries, and well-known ones that are downloaded when they are asked for."""
