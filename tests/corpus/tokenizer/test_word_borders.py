"""Words, as the levels word and bpe find them, in scripts with vowel signs, without spaces, and in code."""

from __future__ import annotations

import inspect
import random
import textwrap

import pytest

from rnngen.corpus.tokenizer import Tokenizer, train_tokenizer
from rnngen.corpus.tokenizer.byte import with_byte_level
from rnngen.corpus.tokenizer.subword import SubwordTokenizer, learn_subwords

THAI, HINDI, CHINESE = map(
    str.split,
    (
        "ฉัน เธอ เขา เรา กิน ดื่ม ซื้อ เห็น ชอบ ข้าว น้ำ ปลา หนังสือ บ้าน ที่ ใน ตลาด วันนี้ พรุ่งนี้ กำลัง ไม่ แล้ว",
        "मैं तुम वह हम खाता पीता खरीदता देखता चावल पानी मछली किताब घर में बाज़ार आज कल क्षि स्त्री नहीं है था और",
        "我 你 他 我们 吃 喝 买 看 喜欢 米饭 水 鱼 书 家 在 市场 今天 明天 正在 不 了 朋友 学校 老师",
    ),
)


def sentences(words: list[str], between: str, end: str, seed: int = 0) -> str:
    rng = random.Random(seed)
    return "".join(between.join(rng.choices(words, k=rng.randint(4, 12))) + end for _ in range(400))


def words_of(tokenizer: Tokenizer, text: str) -> list[str]:
    assert isinstance(tokenizer, SubwordTokenizer)
    found = tokenizer._tokenizer.pre_tokenizer.pre_tokenize_str(text)
    return [text[start:end] for _, (start, end) in found]


@pytest.fixture(scope="module")
def bpe() -> Tokenizer:
    return train_tokenizer("bpe", ["x"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("हिन्दी में क्षि", ["हिन्दी", " में", " क्षि"]),
        ("กำลัง เห็น", ["กำลัง", " เห็น"]),
        ("cafe\u0301 na\u0308ive", ["cafe\u0301", " na\u0308ive"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("👩🏽\u200d💻 ❤️x", ["👩🏽\u200d💻", " ❤️", "x"]),
        ("don't we'll 12ab", ["don", "'t", " we", "'ll", " 12", "ab"]),
        ("    return x\n\n  y", ["   ", " return", " x", "\n\n ", " y"]),
        (".\0(a\0\0b \0", [".", "\0", "(", "a", "\0", "\0", "b", " ", "\0"]),
        ("今天，我们吃米饭。", ["今天", "，", "我们吃米饭", "。"]),
    ],
)
def test_a_letter_keeps_its_marks_and_nul_is_alone(bpe: Tokenizer, text: str, words: list[str]) -> None:
    assert words_of(bpe, text) == words


@pytest.mark.parametrize(
    ("words", "between", "end", "least"),
    [(THAI, "", " ", 9.0), (HINDI, " ", "। ", 9.0), (CHINESE, "", "。", 4.0)],
    ids=["thai", "hindi", "chinese"],
)
def test_words_of_scripts_with_and_without_spaces_become_tokens(
    words: list[str], between: str, end: str, least: float
) -> None:
    tokenizer = train_tokenizer("bpe", [sentences(words, between, end)], 700)
    held_out = sentences(words, between, end, seed=1)
    ids = tokenizer.encode(held_out)
    assert tokenizer.decode(ids) == held_out
    assert len(held_out.encode()) / len(ids) > least  # bytes per token; a character has 3
    tokens = {token.decode(errors="replace").strip() for token in tokenizer.token_bytes()}
    assert sum(word in tokens for word in words) > 0.7 * len(words)


def test_code_is_cut_into_words_and_indentation() -> None:
    code = inspect.getsource(textwrap) + inspect.getsource(inspect)[:40_000]
    tokenizer = train_tokenizer("bpe", [code], 1000)
    ids = tokenizer.encode(code)
    assert len(code) / len(ids) > 2.5
    table = tokenizer.token_bytes()
    assert {b" self", b" return", b" def", b"   ", b"       "} <= set(table)
    assert max(map(len, table)) < 80


def test_a_run_without_spaces_is_learned_as_it_is() -> None:
    """No space is put into it, which the model would then write."""
    run = "".join(random.Random(0).choices(CHINESE, k=20_000))
    tokenizer = learn_subwords("bpe", [run], 1500)
    assert not any(b" " in token and len(token) > 1 for token in tokenizer.token_bytes())
    assert tokenizer.decode(tokenizer.encode(run)) == run
    assert len(run.encode()) / len(tokenizer.encode(run)) > 4


def test_english_is_cut_as_by_gpt_2(bpe: Tokenizer) -> None:
    from tokenizers import models

    gpt2 = with_byte_level(models.BPE())
    text = inspect.getsource(textwrap) + "Naïve café don't 12 x=1\r\n  we've\u00a0\t\n"
    assert words_of(bpe, text) == [text[a:b] for _, (a, b) in gpt2.pre_tokenizer.pre_tokenize_str(text)]
