"""A run on disk: how it is written, checked, found and read.

``rnngen.runs()`` lists the runs: see ``rnngen/python/listing.py``.
"""
