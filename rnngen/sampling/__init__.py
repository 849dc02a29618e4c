"""New text from a left-to-right model: from logits to tokens to text."""
