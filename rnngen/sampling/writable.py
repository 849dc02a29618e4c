"""What a model cannot write: texts that no sequence of its tokens contains, and tokens that may not be drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rnngen.corpus.tokenizer import Tokenizer
from rnngen.errors import UsageError


def cannot_be_written(texts: Iterable[str], tokenizer: Tokenizer, banned: Collection[int] = ()) -> list[str]:
    """The texts that no output of a model can contain.

    Args:
        texts: to be checked, for example stop strings.
        tokenizer: of the model; its unknown symbol is never drawn.
        banned: ids of other tokens that are never drawn.
    """
    never = {*banned, tokenizer.unknown_id}
    tokens = {content for token, content in enumerate(tokenizer.token_bytes()) if token not in never}
    return [text for text in texts if not _spell(tokens, tokenizer.spelling(text).encode(errors="surrogatepass"))]


def banned_tokens(tokenizer: Tokenizer, texts: Sequence[str], others: Collection[int] = ()) -> list[int]:
    """The ids of the tokens that are never drawn.

    Args:
        tokenizer: of the model; its unknown symbol and labels are among them.
        texts: what contains one of these is another.
        others: of them.

    Raises:
        UsageError: no token contains one of them, or nothing is left to draw but the end of a document, with which no
            text begins.
    """
    unknown = {*others, *tokenizer.label_ids()}
    if tokenizer.unknown_id is not None:
        unknown.add(tokenizer.unknown_id)
    banned, level = set(unknown), tokenizer.level
    for text in texts:
        part = tokenizer.normalized(text).encode(errors="surrogatepass")
        found = {token for token, content in enumerate(tokenizer.token_bytes()) if part in content} - unknown
        if not found and not (level == "char" and len(text) == 1):  # an unseen one is never drawn
            raise UsageError(f"`ban`: no token of this {level} model contains {text!r}", hint="`stop` ends before it.")
        banned |= found
    if banned.issuperset(set(range(tokenizer.vocab_size)) - {tokenizer.boundary_id}):
        raise UsageError("`ban` leaves nothing to write")
    return sorted(banned)


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
