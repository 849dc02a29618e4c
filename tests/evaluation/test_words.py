"""Which texts have words that white space separates, in many languages."""

from __future__ import annotations

import base64
import inspect
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from rnngen.corpus.encoded import EncodedText, encode_text
from rnngen.corpus.pieces import TextCounts
from rnngen.corpus.tokenizer import ByteTokenizer, CharTokenizer, Tokenizer
from rnngen.evaluation import evaluate, words
from rnngen.evaluation.words import words_are_separated

SEPARATED = {
    "English": "All human beings are born free and equal in dignity and rights.",
    "German": "Die Entscheidung des Bundesverfassungsgerichts betrifft Grundstücksverkehrsgenehmigungen nicht.",
    "Finnish": "Kaikki ihmiset syntyvät vapaina ja tasavertaisina arvoltaan ja oikeuksiltaan.",
    "Greenlandic": "Inuit tamarmik inunngorput nammineersinnaassuseqarlutik assigiimmillu ataqqinassuseqarlutillu "
    "pisinnaatitaaffeqarlutillu.",
    "Turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.",
    "Vietnamese": "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах.",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "Arabic": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
    "Hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "Tamil": "மனிதப் பிறிவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்.",
    "Amharic": "የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው።",
    "Korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.",
    "Inuktitut": "ᐃᓅᔪᓕᒫᑦ ᐊᓂᖅᑎᕆᔪᓕᒫᑦ ᐃᓅᓚᐅᕐᒪᑕ ᐊᓯᒪᔪᓇᑎᒃ ᐊᒻᒪᓗ ᐊᔾᔨᐅᖃᑎᒌᒃᖢᑎᒃ",
    "Chinese, cut into words": "人人 生 而 自由 ， 在 尊严 和 权利 上 一律 平等 。",
    "Japanese, cut into words": "すべて の 人間 は 、 生まれ ながら に し て 自由 で あり 、",
    "Thai, cut into words": "มนุษย์ ทั้งหลาย เกิด มา มี อิสระ และ เสมอภาค กัน",
    "English with some Chinese": "The word for freedom is 自由 and the one for equality is 平等 in Chinese.",
    "Python": inspect.getsource(evaluate),
    "JSON": '{\n    "name": "value",\n    "list": [\n        1,\n        2\n    ]\n}\n',
}
TOGETHER = {
    "Chinese": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "Chinese verse": "白日依山尽，\n黄河入海流。\n欲穷千里目，\n更上一层楼。\n",
    "Chinese with some English": "我们用 Python 写程序，因为它简单。这个模型是 LSTM，在 GPU 上训练。",
    "Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "Thai": "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม",
    "Lao": "ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີສິດທິເສລີພາບ ແລະຄວາມສະເໝີພາບເທົ່າທຽມກັນ",
    "Khmer": "មនុស្សទាំងអស់កើតមកមានសេរីភាព និងសមភាពក្នុងសេចក្ដីថ្លៃថ្នូរនិងសិទ្ធិ",
    "Burmese": "လူတိုင်းသည်တူညီလွတ်လပ်သောဂုဏ်သိက္ခာဖြင့်လည်းကောင်း၊ တူညီလွတ်လပ်သောအခွင့်အရေးများဖြင့်လည်းကောင်း၊",
    "Tibetan": "འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་ཆེ་མཐོངས་དང༌། ཐོབ་ཐང་གི་རང་དབང་འདྲ་མཉམ་དུ་ཡོད་ལ།",
    "addresses": "https://example.org/a/rather/long/path?with=a&query=1\n" * 20,
    "base64": base64.encodebytes(bytes(range(256)) * 4).decode(),
    "DNA": "\n".join("".join(random.Random(n).choices("ACGT", k=60)) for n in range(20)),
    "nothing but space": " \n" * 10,
}


def counts_of(text: str) -> TextCounts:
    return TextCounts(len(text), len(text.split()), len(text.encode()))


def separated(text: str, tokenizer: Tokenizer) -> bool:
    return words_are_separated(tokenizer, EncodedText(tokenizer.encode(text), counts_of(text), 0))


@pytest.mark.parametrize("kind", ["char", "byte"])
@pytest.mark.parametrize("language", [*SEPARATED, *TOGETHER])
def test_words_are_where_white_space_separates_them(language: str, kind: str) -> None:
    text = {**SEPARATED, **TOGETHER}[language]
    for long in (text, (text + "\n") * 500):
        tokenizer = CharTokenizer(long) if kind == "char" else ByteTokenizer()
        assert separated(long, tokenizer) is (language in SEPARATED)


def test_a_long_text_is_looked_at_all_over() -> None:
    english, chinese = SEPARATED["English"] + "\n", TOGETHER["Chinese verse"]
    begins_english = english * 100 + chinese * 3000
    assert not separated(begins_english, CharTokenizer(begins_english))
    begins_chinese = chinese * 100 + english * 3000
    assert separated(begins_chinese, CharTokenizer(begins_chinese))


@pytest.mark.parametrize("language", [*SEPARATED, *TOGETHER])
def test_characters_that_are_unknown_count_as_what_they_are(language: str, tmp_path: Path) -> None:
    text = {**SEPARATED, **TOGETHER}[language]
    for number, long in enumerate((text, (text + "\n") * 500)):
        tokenizer = CharTokenizer("etaoin shrdlu.\n")
        encoded = encode_text(tokenizer, [long[:7], long[7:]], tmp_path / str(number))
        assert encoded.unknown_characters == Counter(c for c in long if c not in tokenizer.characters)
        assert words_are_separated(tokenizer, encoded) is (language in SEPARATED)


def test_characters_that_are_unknown_and_not_known_otherwise_say_nothing() -> None:
    assert separated(SEPARATED["English"] + "漢" * 30, CharTokenizer(SEPARATED["English"]))


def test_only_a_part_of_a_long_text_is_read() -> None:
    class Counting(ByteTokenizer):
        read = 0

        def decode(self, ids: list[int], *more: bytes) -> str:  # type: ignore[override]
            self.read += len(ids)
            return super().decode(ids, *more)

    tokenizer = Counting()
    text = np.tile(tokenizer.encode("a word \n"), 1 << 17)
    assert words_are_separated(tokenizer, EncodedText(text, counts_of("a word \n" * (1 << 17)), 0))
    assert tokenizer.read <= words._SLICES * words._SLICE < len(text)
