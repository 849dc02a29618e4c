"""What users of Python touch: the functions of ``rnngen``, with progress bars, and results that notebooks show.

As the command line does for its users, this package shows what the library below only computes.
"""
