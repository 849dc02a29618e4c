"""Which parts of a short text stand, symbol for symbol, in a long one that is read in blocks, and where."""
