"""An interpolated n-gram model over a run's tokens, and its mixture with the network's distribution. No torch.

Letters as in ``rnngen/model`` (B streams, V vocabulary), and N tokens of a text, C contexts, K distinct n-grams.
"""
