"""Which texts a model cannot write, whatever it draws: those that its tokens do not spell."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rnngen.corpus.tokenizer import Tokenizer


def cannot_be_written(texts: Iterable[str], tokenizer: Tokenizer, banned: Collection[int] = ()) -> list[str]:
    """Those of some texts that no text of a model can contain.

    Args:
        texts: for example what is to stop it.
        tokenizer: its tokenizer; the unknown symbol is never drawn.
        banned: ids of tokens that are not drawn either.
    """
    never = {*banned, tokenizer.unknown_id}
    tokens = {content for token, content in enumerate(tokenizer.token_bytes()) if token not in never}
    return [text for text in texts if not _spell(tokens, text.encode(errors="surrogatepass"))]


def _spell(tokens: set[bytes], text: bytes) -> bool:
    """Whether a sequence of tokens has the text in it: the end of one, whole ones, and the beginning of one."""
    if any(text in token for token in tokens):
        return True
    reached = [size == 0 or any(token.endswith(text[:size]) for token in tokens) for size in range(len(text))]
    for start in range(len(text)):
        if not reached[start]:
            continue
        if any(token.startswith(text[start:]) for token in tokens):
            return True
        for end in range(start + 1, len(text)):
            reached[end] = reached[end] or text[start:end] in tokens
    return False
