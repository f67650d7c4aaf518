"""A prompt, the answer it should get, and the turns of the conversation that stand before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from companion.errors import DataError

SYSTEM, USER, ASSISTANT = SPEAKERS = ("system", "user", "assistant")


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What one speaker says in a conversation.

    Raises:
        DataError: there is no such role, or the turn says nothing.

    Taught in: book/outlook/from-encoders-to-generation
    """

    role: str
    """system, user or assistant."""
    text: str
    """What is said."""
    learn: bool = True
    """Of the assistant: whether the model is to learn it, or only reads it."""

    def __post_init__(self) -> None:
        if self.role not in SPEAKERS:
            raise DataError(f"the role of a turn is {self.role!r}", remedy=f"choose {', '.join(SPEAKERS)}")
        if not isinstance(self.text, str) or not self.text.strip():
            raise DataError(f"a turn of the {self.role} is {self.text!r}", remedy="give text, or leave the turn out")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A prompt and the answer that a model should give; in a conversation, the last of several.

    Raises:
        DataError: the prompt or the answer is empty, or no string: an empty answer teaches a model to say nothing; or
            the turns before them are not those of a user and an assistant in turn.

    Taught in: book/outlook/from-encoders-to-generation
    """

    prompt: str
    """What the user wrote."""
    answer: str
    """What the assistant should write."""
    source: str = ""
    """Where it stands: `train.jsonl:17` (file name and line)."""
    meta: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What else is known, for example `{"article": ...}`."""
    before: tuple[Turn, ...] = ()
    """The turns of the conversation before the prompt, its own system message first, if it has one."""

    def __post_init__(self) -> None:
        for name, value in (("prompt", self.prompt), ("answer", self.answer)):
            if not isinstance(value, str) or not value.strip():
                raise DataError(
                    f"{self.source or 'a pair'}: the {name} is {value!r}",
                    remedy="give text for both, or leave the pair out",
                )
        object.__setattr__(self, "before", tuple(self.before))
        if not all(isinstance(turn, Turn) for turn in self.before):
            raise DataError(
                f"{self.source or 'a pair'}: not a Turn in every place before the prompt",
                remedy='before=(companion.Turn(role="user", text="…"), companion.Turn(role="assistant", text="…"))',
            )
        if self.before:
            check_order(self.turns, place=self.source or "a pair")

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The whole conversation, from the first turn to the answer."""
        return (*self.before, Turn(role=USER, text=self.prompt), Turn(role=ASSISTANT, text=self.answer))

    @property
    def opening(self) -> str:
        """How the conversation begins: its own system message, if any, and the user's first turn."""
        turns = self.turns[: 2 if self.turns[0].role == SYSTEM else 1]
        return "\x1f".join(turn.text for turn in turns)


def check_order(
    turns: Sequence[Turn], *, last: str = ASSISTANT, place: str = "the conversation", first: int = 1
) -> None:
    """Refuse turns that are not a system message, if any, and then user and assistant in turn, up to the `last`.

    `first` is the number of the first turn, where some before it were left out.

    Raises:
        DataError: with the number of the turn.

    Taught in: book/outlook/from-encoders-to-generation
    """
    has_system = bool(turns) and turns[0].role == SYSTEM
    for number, turn in enumerate(turns[has_system:]):
        due = (USER, ASSISTANT)[number % 2]
        if turn.role != due:
            raise DataError(
                f"{place}: turn {number + first + has_system} is the {turn.role}'s, and the {due}'s is due",
                remedy="a system message may stand first; then user and assistant take turns (join two turns of one)",
            )
    if not turns or turns[-1].role != last:
        there = f"the last turn is the {turns[-1].role}'s" if turns else "there is no turn"
        raise DataError(f"{place}: {there}, and the last has to be the {last}'s", remedy=f"end with the {last}'s turn")


def lone_prompt(pair: Pair, reader: str) -> str:
    """The prompt of a pair for something that reads it alone; `reader` names it in the error.

    Raises:
        DataError: the pair is the end of a conversation, of which the beginning would be lost.

    Taught in: book/outlook/from-encoders-to-generation
    """
    if pair.before:
        raise DataError(
            f"{pair.source or 'a pair'}: the prompt ends a conversation of {len(pair.turns)} turns, and {reader} reads "
            "the prompt alone",
            remedy="give pairs whose prompts can be understood alone",
        )
    return pair.prompt
