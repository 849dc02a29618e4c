"""Decisions before the first step, by rules and measurements, and new plans while training."""
