"""Type a sentence and see what an encoder reads: its word pieces, their numbers, their words, and where labels go.

Pieces need the tokenizer, and the tokenizer needs a kernel. So the page shows the sentence it was given, and in a live
notebook the same strip follows every key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.teaching.strips import STRIP_CSS
from companion.teaching.surface import Piece, escape
from companion.teaching.theme import style

if TYPE_CHECKING:
    from ipywidgets import Widget
    from transformers import PreTrainedTokenizerFast

LONGEST = 400
"""Characters of a typed text that are cut into pieces; a strip of more is not read by anybody."""
_CSS = STRIP_CSS + (
    ".ftc.ftc-strip .ftc-id{font-size:.76em;font-variant-numeric:lining-nums tabular-nums}"
    ".ftc.ftc-strip p{margin:.5em 0 0}"
    ".ftc.ftc-strip .ftc-hint{color:var(--ftc-muted);font-size:.88em}"
)
_HINT = (
    "Under each piece: its number in the vocabulary, the number of its word, and whether it carries the word's label."
)


class PieceExplorer(Piece):
    """One text as the tokenizer cuts it; live, with a field to type into.

    Taught in: book/foundations/text-to-tensors
    """

    __slots__ = ("given", "tokenizer")

    def __init__(self, tokenizer: PreTrainedTokenizerFast, given: str) -> None:
        self.tokenizer, self.given = tokenizer, given

    def text(self) -> str:
        rows = _rows(self.tokenizer, self.given)
        return "\n".join([_sentence(rows), *("  ".join(row) for row in rows)])

    def html(self) -> str:
        return _strip(_rows(self.tokenizer, self.given), f"{_HINT} In a live notebook you can type your own.")

    def widget(self) -> Widget | None:
        """The same with ipywidgets: `children[0]` is the field, `children[1]` the strip."""
        try:
            import ipywidgets
        except ImportError:
            return None
        layout = ipywidgets.Layout(width="100%", max_width="46em")
        field = ipywidgets.Text(value=self.given, description="Type here:", continuous_update=True, layout=layout)
        strip = ipywidgets.HTML()

        def draw(_change: object = None) -> None:
            strip.value = _strip(_rows(self.tokenizer, field.value), _HINT)

        field.observe(draw, names="value")
        draw()
        return ipywidgets.VBox([field, strip])


def piece_explorer(tokenizer: PreTrainedTokenizerFast, text: str) -> PieceExplorer:
    """The word pieces of a text with their numbers, their words and the places of labels; live, of any text you type.

    `tokenizer` is a fast one, as `load_encoder().tokenizer`; `text` is what the strip starts with. Words are split as
    `companion.corpora.split_words` splits them, and the first piece of a word carries its label.

    Raises: ConfigError for a tokenizer that cannot say which word a piece was cut from.
    Taught in: book/foundations/text-to-tensors
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ConfigError(
            f"piece_explorer: {type(tokenizer).__name__} has no word_ids", remedy="Give a fast tokenizer."
        )
    return PieceExplorer(tokenizer, text)


def _rows(tokenizer: PreTrainedTokenizerFast, text: str) -> list[tuple[str, str, str, str]]:
    """For every piece: the piece, its number, its word, and "label" or −100."""
    from companion.corpora.words import split_words

    encoding = tokenizer(split_words(text[:LONGEST]), is_split_into_words=True)
    rows, before = [], None
    for piece, number, word in zip(encoding.tokens(), encoding["input_ids"], encoding.word_ids(), strict=True):
        first = word is not None and word != before
        rows.append((piece, str(number), "no word" if word is None else f"word {word}", "label" if first else "−100"))
        before = word
    return rows


def _strip(rows: list[tuple[str, str, str, str]], hint: str) -> str:
    groups: list[list[str]] = []
    before = None
    for piece, number, word, label in rows:
        shown = (
            f'<span class="ftc-piece"><code>{escape(piece)}</code><span class="ftc-id">{number}</span>'
            f'<span class="ftc-label ftc-none">{word}</span>'
            f'<span class="ftc-label{"" if label == "label" else " ftc-none"}">{label}</span></span>'
        )
        if word == before and word != "no word":
            groups[-1].append(shown)
        else:
            groups.append([shown])
        before = word
    items = "".join(f"<li>{''.join(group)}</li>" for group in groups)
    return (
        f'<div class="ftc ftc-strip">{style(_CSS)}<ol>{items}</ol><p role="status">{_sentence(rows)}</p>'
        f'<p class="ftc-hint">{hint}</p></div>'
    )


def _sentence(rows: list[tuple[str, str, str, str]]) -> str:
    """What the strip amounts to."""
    words = len({word for _, _, word, _ in rows if word != "no word"})
    special = sum(word == "no word" for _, _, word, _ in rows)
    return f"{words} word{'s' * (words != 1)}, {len(rows)} word pieces, {special} of them special."
