"""Five ways to cut text into tokens, each saved as one Hugging Face ``tokenizer.json``.

============ ============================== ================================================================
level        a token is                     what does not occur in the training text
============ ============================== ================================================================
char         a Unicode character            becomes the unknown symbol, id 0, which sampling never writes
byte         a byte of UTF-8; id = value    needs nothing: every byte is a token
word         a word with the space before   is spelled in bytes, so nothing is lost
words-closed a word, or a line end          becomes ``<unk>``, id 0, a token like others, never written
bpe          a byte-pair merge              is spelled in bytes, so nothing is lost
============ ============================== ================================================================

No token is special: text that looks like one is ordinary text. The saved file loads, encodes and decodes in the
``tokenizers`` library without rnngen; char and byte encode here in NumPy, at memory speed, without that library.
words-closed does not need it either.
"""

from rnngen.corpus.tokenizer.byte import ByteTokenizer as ByteTokenizer
from rnngen.corpus.tokenizer.char import CharTokenizer as CharTokenizer
from rnngen.corpus.tokenizer.closed import ClosedTokenizer as ClosedTokenizer
from rnngen.corpus.tokenizer.encoder import Ids as Ids
from rnngen.corpus.tokenizer.load import load_tokenizer as load_tokenizer
from rnngen.corpus.tokenizer.load import train_tokenizer as train_tokenizer
from rnngen.corpus.tokenizer.protocol import Level as Level
from rnngen.corpus.tokenizer.protocol import Tokenizer as Tokenizer
from rnngen.corpus.tokenizer.streaming import StreamDecoder as StreamDecoder
from rnngen.corpus.tokenizer.streaming import pieces_of as pieces_of
