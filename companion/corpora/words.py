"""Where words begin and end in running text: one small rule, the same for training files and for prediction.

1. A run of letters, digits, marks and underscores is a word, with apostrophes inside it (`O'Brien`, `can't`).
2. An ending `'s 'm 'd 'll 're 've` is a word of its own: a name is then separable from its possessive.
3. `.`, `,` and `:` between digits belong to the number (`3.5`, `7:30`); single letters, each followed by a full stop,
   form one abbreviation (`U.S.`).
4. Han characters and kana are words one by one: Chinese and Japanese write no spaces.
5. Every other visible character is a word by itself, hyphens included; an emoji keeps its modifiers and joiners.
6. White space and invisible characters (zero-width space, direction marks, control characters) separate words.

Word pieces cut at hyphens and punctuation anyway, so the rule costs the model nothing. Scripts without spaces other
than Chinese and Japanese (Thai, Khmer, Lao) come out as long words: bring your own words for them.
"""

from __future__ import annotations

import re
import unicodedata

_JOINERS = "\u200d"
_INSIDE_WORDS = "\u200c\u00ad"
_APOSTROPHES = "'\u2019"
_ONE_BY_ONE = (
    (0x3005, 0x3007),
    (0x3040, 0x30FF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x1B000, 0x1B16F),
    (0x20000, 0x323AF),
)


def _kind(character: str) -> str:
    """One letter that stands for the character: a letter, 0 digit, c one-by-one, m mark, j joiner, s space, p other."""
    if character in _JOINERS:
        return "j"
    if character in _INSIDE_WORDS or 0x1F3FB <= ord(character) <= 0x1F3FF:
        return "m"
    if character in _APOSTROPHES:
        return "'"
    if character in ".,:":
        return character
    category = unicodedata.category(character)
    if category[0] == "M":
        return "m"
    if category[0] in "LN" and any(first <= ord(character) <= last for first, last in _ONE_BY_ONE):
        return "c"
    if category == "Nd":
        return "0"
    if category[0] in "LN" or category == "Pc":
        return "a"
    return "s" if category[0] in "ZC" and category != "Co" else "p"


class _Kinds(dict[int, str]):
    def __missing__(self, code: int) -> str:
        self[code] = kind = _kind(chr(code))
        return kind


_KINDS = _Kinds()
_WORD = re.compile(
    r"(?<![a0mj'])(?:am*\.){2,}"
    r"|[a0][a0mj]*(?:'[a0][a0mj]*|(?<=0)[.,:](?=0)[a0][a0mj]*)*"
    r"|c[mj]*"
    r"|[^smj](?:[mj]|(?<=j)[^s])*"
    r"|[mj]+"
)
_CLITIC = re.compile(rf"[{_APOSTROPHES}](?:s|m|d|ll|re|ve)\Z", re.IGNORECASE)


def word_spans(text: str) -> list[tuple[int, int]]:
    """The (start, end) character offsets of the words of a text, in order; `text[start:end]` is the word.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    spans = []
    for match in _WORD.finditer(text.translate(_KINDS)):
        start, end = match.span()
        clitic = _CLITIC.search(text, start, end)
        if clitic and clitic.start() > start:
            spans += [(start, clitic.start()), (clitic.start(), end)]
        else:
            spans.append((start, end))
    return spans


def split_words(text: str) -> list[str]:
    """The words of a text.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    return [text[start:end] for start, end in word_spans(text)]
