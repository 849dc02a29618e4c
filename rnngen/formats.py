"""Numbers and text in the form that users are shown."""

from __future__ import annotations


def visible(text: str) -> str:
    """Text in which no character can move the cursor, colour the screen, ring the bell, or hide.

    Control characters are shown as their pictures. Characters that have no shape of their own but change, reorder or
    hide what is around them become U+FFFD: all of Unicode's category Cf, and the line and paragraph separators. The
    joiners U+200C and U+200D, which languages and emoji need, stay, and so do the signs of Cf that have a shape.
    """
    return text.translate(_VISIBLE)


_SHAPELESS = (
    0xAD,  # a hyphen that may be there
    *(0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)),  # direction of writing
    *(0x180E, 0x200B, *range(0x2060, 0x2065), 0xFEFF),  # no width
    *(0x2028, 0x2029),  # line and paragraph separators
    *(*range(0x206A, 0x2070), *range(0xFFF9, 0xFFFC)),  # symmetric swapping, annotations
    *(*range(0x13430, 0x13440), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B)),  # hieroglyphs, shorthand, music
    *(0xE0001, *range(0xE0020, 0xE0080)),  # tags: text that nobody sees
)
_VISIBLE = {
    **{code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)},
    0x7F: "\u2421",
    **dict.fromkeys((*range(0x80, 0xA0), *_SHAPELESS, *range(0xD800, 0xE000)), "\ufffd"),  # surrogates: bytes of names
}


def count(number: float) -> str:
    """12345678 → ``12.3M``."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= 0.9995 * size:  # what would round up to the unit
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def formatted(value: float, form: str) -> str:
    """A value by a format specification; by ``#.4g``, which keeps the zero of 5.060, without the point of 1234."""
    return format(value, form).removesuffix(".")


def number_of(number: int, noun: str) -> str:
    """1, ``step`` → ``1 step``; 2000, ``step`` → ``2,000 steps``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def is_or_are(number: int) -> str:
    """The verb after a number of something."""
    return "is" if number == 1 else "are"


def size(number: int) -> str:
    """12345678 → ``11.8 MiB``."""
    for bytes_, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if number >= bytes_:
            return f"{number / bytes_:.1f} {unit}"
    return f"{number} B"


def share(part: int, total: int) -> str:
    """3 of 1000 → ``0.3%``; where a part would be rounded to nothing or to all, the counts: ``3 of 1,200,000``."""
    if part in (0, total):
        return "100%" if part else "0%"
    percent = f"{part / total:.1%}"
    return f"{part:,} of {total:,}" if percent in ("0.0%", "100.0%") else percent


def duration(seconds: float) -> str:
    """83.4 → ``1 min 23 s``."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def clock(seconds: float) -> str:
    """83.4 → ``0:01:23``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
