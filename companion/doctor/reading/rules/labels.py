"""Rules about the labels of words: on their word pieces, ignored where there is no word, and no longer than the row."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from companion.doctor.findings import ERROR, WARNING
from companion.doctor.probe import Outcome
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import dotted, keyword, last, mentions, names_in, words_in, written
from companion.doctor.reading.word_loops import TAGS, says_ignored, taken_by_place
from companion.encoding.contract import IGNORE_INDEX

PAGE = "book/walkthroughs/labels-meet-word-pieces"
ALIGNS = frozenset(
    [
        "word_ids",
        "word_to_tokens",
        "token_to_word",
        "char_to_token",
        "char_to_word",
        "token_to_chars",
        "word_to_chars",
        "offset_mapping",
        "return_offsets_mapping",
        "offsets",
        "align_labels",
        "tokenize",
        "convert_tokens_to_ids",
    ]
)
"""Names with which labels find their pieces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Filled:
    """A list of labels that is brought to the length of a row."""

    node: ast.AST
    """Where."""
    labels: ast.AST
    """The list."""
    value: ast.AST
    """What it is filled with."""
    width: ast.AST | None
    """Up to which length, where that is written as a difference."""


def on_their_words(script: Script) -> Outcome:
    """Look for labels that are made word by word beside pieces that a tokenizer makes, and for what joins the two."""
    tokenizes = [call for call in script.calls if is_tokenizer(script, call)]
    if not tokenizes:
        raise CannotCheck("no tokenizer is called in the text")
    split = [call for call in tokenizes if script.value_of(keyword(call, "is_split_into_words")) is True]
    by_hand = _made_by_position(script, tokenizes)
    if not split and not by_hand:
        raise CannotCheck("no labels of words are made in the text")
    joined = sorted({name for node in script.nodes for name in _joins(script, node)})
    if joined == ["word_ids"] and (taken := taken_by_place(script)):
        return [
            ON_WORDS.finding(
                script,
                taken[0],
                ERROR,
                f"Labels are taken by the number of the piece (`{written(taken[0])}`) in a loop over word_ids, and "
                "nowhere by the number of the word: every word that is cut into pieces moves all labels after it.",
                "Take each label by its word's number, labels[word_id], on the word's first piece, and -100 elsewhere.",
            )
        ]
    if joined:
        return f"labels and pieces are joined by {joined[0]}"
    if by_hand:
        call, made = by_hand[0]
        return [
            ON_WORDS.finding(
                script,
                made,
                ERROR,
                f"Labels are made one a word (`{written(made)}`) and laid on the pieces of "
                f"`{written(call.func)}(…)` by position: the first label falls on [CLS], and every word that is cut "
                "into pieces moves all labels after it.",
                "Tokenise words with is_split_into_words=True, give each label to its word's first piece through "
                "word_ids(), and -100 to all other positions.",
            )
        ]
    labelled = [
        node
        for node in script.nodes
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Subscript) and words_in(t.slice) & {"labels", "label"} for t in node.targets)
        and mentions(node.value, *TAGS)
    ]
    if not labelled and not script.tags_words:
        raise CannotCheck("words are tokenised, and no labels are laid on them in the text")
    return [
        ON_WORDS.finding(
            script,
            labelled[0] if labelled else split[0],
            ERROR,
            "Words are cut into pieces (is_split_into_words=True) and nothing in the text asks which piece belongs to "
            "which word: the labels stay one a word.",
            "Give each label to its word's first piece through word_ids(), and -100 to all other positions.",
        )
    ]


def _made_by_position(script: Script, tokenizes: list[ast.Call]) -> list[tuple[ast.Call, ast.AST]]:
    """Tokenizer calls with one label a word made in the same function, for a head on words or filled up to a length."""
    filled = [one for one in filled_labels(script) if one.width is not None]
    found = []
    for call in tokenizes:
        home = script.function_of(call)
        inside = script.tree if home is None else home
        for node in ast.walk(inside):
            if not isinstance(node, ast.ListComp) or script.function_of(node) is not home:
                continue
            mapped = isinstance(node.elt, ast.Subscript) and mentions(
                node.elt.value, "2id", "_id", "id_", "index", "map"
            )
            padded = any(script.function_of(one.node) is home for one in filled)
            tagged = mentions(node, "tag", "ner", "bio") or padded
            if mapped and tagged and (padded or script.tags_words):
                found.append((call, node))
    return found


def padding_ignored(script: Script) -> Outcome:
    """Look at what lists of labels are filled up with."""
    filled = list(filled_labels(script))
    ignored = {script.value_of(keyword(call, "ignore_index")) for call in script.calls} - {None}
    marked = [node for node in script.nodes if says_ignored(node)]
    bad = [one for one in filled if _is_class(script, one.value) and script.value_of(one.value) not in ignored]
    if not bad:
        if filled or marked:
            return f"positions without a word carry {IGNORE_INDEX}, or what the loss is told to ignore"
        raise CannotCheck("no labels are filled up in the text")
    hand = sorted(set().union(*(names_in(node) for node in script.nodes if isinstance(node, ast.Name))) & MASKED)
    if hand or any(last(call.func) in ("masked_select", "CRF") for call in script.calls):
        raise CannotCheck("the loss seems to be masked by hand; hand loader and loss to companion.doctor")
    one = bad[0]
    return [
        PADDING.finding(
            script,
            one.node,
            ERROR,
            f"Labels are filled up with {written(one.value)} (`{written(one.node)}`), the number of a real class: "
            "padding is trained, and scored, as if it were text.",
            f"Fill labels with {IGNORE_INDEX}, which cross_entropy ignores, at [CLS], [SEP] and padding.",
        )
    ]


MASKED = frozenset(["active_loss", "active_logits", "active_labels", "loss_mask", "label_mask", "valid_mask", "active"])


def not_too_long(script: Script) -> Outcome:
    """Look whether a list of labels that is filled up to a length is also cut there."""
    filled = [one for one in filled_labels(script) if one.width is not None and not _is_longest(script, one.width)]
    if not filled:
        raise CannotCheck("no labels are filled up to a fixed length in the text")
    for one in filled:
        home = script.function_of(one.node) or script.tree
        cut = any(
            isinstance(node, ast.Slice) and node.upper is not None and names_in(node.upper) & names_in(one.width)
            for node in ast.walk(home)
        )
        asked = any(isinstance(node, ast.Compare) and names_in(node) & names_in(one.width) for node in ast.walk(home))
        if not cut and not asked:
            return [
                TOO_LONG.finding(
                    script,
                    one.node,
                    WARNING,
                    f"Labels are filled up to {written(one.width)} and never cut there: a row with more labels is "
                    "longer than its pieces, and the batch cannot be stacked.",
                    "Cut labels and pieces at the same place, or into overlapping windows, and count what is lost.",
                )
            ]
    return "labels are cut where rows are cut"


def filled_labels(script: Script) -> Iterator[Filled]:
    """Lists of labels that are brought to a length: `x.extend([v] * (n - len(x)))`, `x + [v] * …`, `pad_sequence`."""
    for node in script.nodes:
        if isinstance(node, ast.Call) and last(node.func) == "extend" and node.args:
            if times := _times(node.args[0]):
                yield from _filled(script, node, node.func.value, *times)
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Add):
            left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
            if times := _times(right):
                yield from _filled(script, node, left, *times)
        elif isinstance(node, ast.Call) and last(node.func) == "pad_sequence" and node.args:
            value = keyword(node, "padding_value") or (node.args[2] if len(node.args) > 2 else ast.Constant(value=0))
            if mentions(node.args[0], *TAGS):
                yield Filled(node=node, labels=node.args[0], value=value, width=None)


def _filled(script: Script, node: ast.AST, labels: ast.AST, value: ast.AST, length: ast.AST) -> Iterator[Filled]:
    """One filled list, if it is one of labels: by its name, or by the mapping of which it was made."""
    home = next((up for up in script.above(node) if isinstance(up, ast.stmt)), node)
    into = [
        call.func.value
        for call in script.called("append")
        if call.args and isinstance(call.func, ast.Attribute) and dotted(call.args[0]) == dotted(labels) != ""
    ]
    near = [labels, value, *script.origins.get(dotted(labels), ()), *getattr(home, "targets", ()), *into]
    if any(mentions(part, *TAGS) for part in near):
        less = length.right if isinstance(length, ast.BinOp) and isinstance(length.op, ast.Sub) else None
        width = None if less is None or script.value_of(less) is not None else length.left  # n - 1: the other pieces
        yield Filled(node=node, labels=labels, value=value, width=width)


def _times(node: ast.AST) -> tuple[ast.AST, ast.AST] | None:
    """`[value] * length`, either way round."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return None
    for one, other in ((node.left, node.right), (node.right, node.left)):
        if isinstance(one, ast.List) and len(one.elts) == 1:
            return one.elts[0], other
    return None


def _is_longest(script: Script, width: ast.AST) -> bool:
    """Whether a length is that of the longest row, which no row exceeds."""
    parts = [part for node in script.spread(width) for part in ast.walk(node)]
    longest = any(isinstance(part, ast.Call) and last(part.func) in ("max", "amax") for part in parts)
    return longest or mentions(width, "longest")


def _is_class(script: Script, value: ast.AST) -> bool:
    """Whether a filling is a class: a number from 0, or the number of "O"."""
    number = script.value_of(value)
    if isinstance(number, int | float) and not isinstance(number, bool):
        return number >= 0
    text = number if isinstance(number, str) else None
    if isinstance(value, ast.Subscript):
        text = value.slice.value if isinstance(value.slice, ast.Constant) else None
    return text == "O"


def is_tokenizer(script: Script, call: ast.Call) -> bool:
    """Whether a call is that of a tokenizer: by its name, or by how the name was made."""
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("encode_plus", "batch_encode_plus"):
        return True
    name = last(call.func).lower()
    made = any(
        isinstance(value, ast.Call) and "okenizer" in dotted(value.func)
        for value in script.origins.get(dotted(call.func), ())
    )
    return made or name in ("tokenizer", "tok", "fast_tokenizer")


def _joins(script: Script, node: ast.AST) -> Iterator[str]:
    """What in a node brings words and pieces together: a method of an encoding, an option, a helper from elsewhere."""
    if isinstance(node, ast.Attribute) and node.attr in ALIGNS:
        yield node.attr
    elif isinstance(node, ast.keyword) and node.arg in ALIGNS:
        yield node.arg
    elif isinstance(node, ast.Constant) and node.value == "offset_mapping":
        yield "offset_mapping"
    elif isinstance(node, ast.Call) and "align" in last(node.func).lower() and not script.targets(node.func):
        yield last(node.func)


ON_WORDS = Rule(
    name="labels on their words",
    question="Do labels sit on the pieces of their words?",
    proves="that labels are made one a word beside pieces, and nothing joins the two",
    page=f"{PAGE}#pieces-read",
    examine=on_their_words,
)
PADDING = Rule(
    name="padding and special tokens",
    question="Are special tokens and padding left out of the loss?",
    proves="with which number lists of labels are filled up",
    page=f"{PAGE}#padding-intro",
    examine=padding_ignored,
)
TOO_LONG = Rule(
    name="labels longer than the row",
    question="Are labels cut where rows are cut?",
    proves="that labels are filled up to a length and never cut to it",
    page=f"{PAGE}#ledger-read",
    examine=not_too_long,
)
RULES = (ON_WORDS, PADDING, TOO_LONG)
