"""What a model is compared with: simple models and general compressors that have read the same training text."""
