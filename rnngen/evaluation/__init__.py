"""How good a model is, measured exactly."""
