"""Texts that a model cannot write, because no sequence of its tokens contains them."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rnngen.corpus.tokenizer import Tokenizer


def cannot_be_written(texts: Iterable[str], tokenizer: Tokenizer, banned: Collection[int] = ()) -> list[str]:
    """The texts that no output of a model can contain.

    Args:
        texts: to be checked, for example stop strings.
        tokenizer: of the model; its unknown symbol is never drawn.
        banned: ids of other tokens that are never drawn.
    """
    never = {*banned, tokenizer.unknown_id}
    tokens = {content for token, content in enumerate(tokenizer.token_bytes()) if token not in never}
    return [text for text in texts if not _spell(tokens, text.encode(errors="surrogatepass"))]


def _spell(tokens: set[bytes], text: bytes) -> bool:
    """Whether a sequence of tokens contains the text: the end of one token, whole tokens, the beginning of one."""
    if any(text in token for token in tokens):
        return True
    size, longest = len(text), max(map(len, tokens), default=0)  # no token reaches further
    reached = [True] + [n <= longest and any(token.endswith(text[:n]) for token in tokens) for n in range(1, size)]
    for start in range(size):
        if not reached[start]:
            continue
        if size - start <= longest and any(token.startswith(text[start:]) for token in tokens):
            return True
        for end in range(start + 1, min(size, start + longest + 1)):
            reached[end] = reached[end] or text[start:end] in tokens
    return False
