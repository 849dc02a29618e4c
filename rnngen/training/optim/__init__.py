"""Optimizers, one module each, and what they share.

To add one, write a module that defines a subclass of ``Recipe`` (``recipe.py``) as ``RECIPE``, and list the module's
name in the declaration of the option ``optimizer`` (``options/training.py``).
"""
