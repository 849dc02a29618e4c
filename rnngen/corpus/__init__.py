"""Text in: sources → tokenizer → tokens on disk → parallel streams of windows.

In the order in which a text passes through them:

- ``files/`` finds the files that names, folders and globs stand for; ``sources.py`` reads them as one text, in pieces.
- ``normalization.py`` gives the text a Unicode form, and ``character_facts.py`` counts its characters.
- ``tokenizer/`` learns a vocabulary and turns text into ids and back.
- ``trainable.py`` tells whether there is enough of it to train on, ``unused_options.py`` whether an option found
  nothing in it.
- ``tokens.py`` splits and encodes a corpus; ``encoded.py`` is the result and ``cache.py`` keeps it on disk.
- ``likeness.py`` compares the held-out parts with the training part; ``overlap.py`` compares any text with it.
- ``recorded.py`` finds the text of a run again.
- ``streams.py`` and ``window_lengths.py`` cut the training part into the windows that training reads.
"""
