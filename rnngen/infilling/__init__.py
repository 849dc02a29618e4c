"""Text in the gaps of a text, by a bidirectional model."""
