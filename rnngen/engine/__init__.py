"""A network that reads one token at a time, in NumPy or in torch, and predicts the next."""
