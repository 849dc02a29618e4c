"""What to know of scores on the tokens of a closed vocabulary, wherever they are shown."""

CLOSED = (
    "closed vocabulary: <unk> and <eos> are tokens like others, as in published results;",
    "scores of other vocabularies do not compare, and characters are of text with <unk>",
)
"""In two lines."""
