"""New text from a trained model, one token at a time, without torch."""
