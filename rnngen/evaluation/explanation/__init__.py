"""Where a model's nats go: by position, frequency and kind of token, how sure it is, and how much context it uses.

All of it but the use of context (``context.py``) comes from one reading of the text, as analyses of its blocks.
"""
