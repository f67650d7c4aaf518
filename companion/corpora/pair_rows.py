"""From rows to pairs: prompt and answer, the instruction of Alpaca, or a whole conversation under one key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from companion.corpora.conversations import ASSISTANT, SYSTEM, USER, Pair, Turn, check_order
from companion.corpora.rows import is_empty
from companion.corpora.tally import Tally
from companion.errors import ConfigError, DataError

ALPACA = ("instruction", "output")
"""What the rows of Alpaca call prompt and answer; the prompt goes on with their `input`."""
CONVERSATIONS = ("messages", "conversations")
"""Where conversations stand: in the form of OpenAI and Hugging Face, and in that of ShareGPT."""
ROLES = {
    role: speaker
    for speaker, roles in {
        SYSTEM: (SYSTEM, "developer"),
        USER: (USER, "human"),
        ASSISTANT: (ASSISTANT, "gpt", "model", "bot"),
    }.items()
    for role in roles
}
"""Who speaks, as the field's files say it."""
TOOLS = ("tool", "function", "function_call", "observation", "ipython")
UNREAD = ("tool_calls", "function_call", "reasoning_content", "thinking")
"""What a message may hold beside its text, and what would be lost."""
FORM = '[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]'
KEYS = (
    'write {"prompt": "…", "answer": "…"} in every row, or {"messages": ' + FORM + "} for a conversation, or name your "
    "keys: prompt=, answer=, messages= (--columns prompt=…,answer=…); in memory, (prompt, answer) tuples and a "
    "DataFrame will do"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PairKeys:
    """Under which keys rows hold their pairs.

    Raises:
        ConfigError: prompt and answer are the same key.
    """

    prompt: str = "prompt"
    """Of the prompt."""
    answer: str = "answer"
    """Of the answer."""
    messages: str | None = None
    """Of a whole conversation; None: one of `CONVERSATIONS`, in rows that hold no prompt with an answer."""

    def __post_init__(self) -> None:
        if self.prompt == self.answer:
            raise ConfigError(f"prompt and answer are the same key {self.prompt!r}", remedy="name two")


def pairs_of(
    records: Iterable[tuple[int, object]], keys: PairKeys, tally: Tally, *, place: str, name: str
) -> list[Pair]:
    """The pairs of numbered records; `name` begins the source of each.

    Raises:
        DataError: there is none, or a record is none; with its place.

    Taught in: book/outlook/from-encoders-to-generation
    """
    pairs = []
    for number, record in records:
        source = f"{name}{number}"
        try:
            pairs.append(_pair(record, keys, tally, source))
        except DataError as error:
            problem = error.problem.removeprefix(f"{source}: ")
            raise DataError(problem, remedy=error.remedy, file=place, line=number) from None
    if not pairs:
        raise DataError("there is no pair", file=place, remedy=KEYS)
    return pairs


def _pair(record: object, keys: PairKeys, tally: Tally, source: str) -> Pair:
    prompt, answer = keys.prompt, keys.answer
    if not isinstance(record, Mapping):
        raise DataError(f"needed are {prompt!r} and {answer!r}; there is a {type(record).__name__}", remedy=KEYS)
    if (key := _conversation_in(record, keys)) is not None:
        return _end_of(record, key, tally, source)
    if keys == PairKeys() and not record.keys() & {prompt, answer} and record.keys() >= set(ALPACA):
        prompt, answer = ALPACA
    if not {prompt, answer} <= record.keys():
        there = ", ".join(map(repr, record)) or "nothing"
        raise DataError(f"needed are {prompt!r} and {answer!r}; there is {there}", remedy=KEYS)
    asked, used = record[prompt], {prompt, answer}
    if isinstance(asked, list):
        raise DataError(f"{prompt!r} is a list", remedy=f"name the key of a conversation with messages={prompt!r}")
    if prompt == ALPACA[0] and "input" in record and isinstance(asked, str):
        used.add("input")
        further = "" if is_empty(record["input"]) else record["input"]
        if not isinstance(further, str):
            raise DataError(f"the input is {further!r}", remedy="give text, or leave it empty")
        if further:
            asked = f"{asked}\n\n{further}"
            tally.repair("input of an Alpaca row, put below its instruction and a blank line", source)
    return Pair(prompt=asked, answer=record[answer], source=source, meta=_facts(record, used))


def _conversation_in(record: Mapping[str, object], keys: PairKeys) -> str | None:
    """The key of the row's conversation, if it holds one.

    Raises:
        DataError: a key is named and not there; or none is named, and there is a conversation as well as a pair.
    """
    if keys.messages is not None:
        if keys.messages not in record:
            raise DataError(
                f"needed is {keys.messages!r}; there is {', '.join(map(repr, record)) or 'nothing'}", remedy=KEYS
            )
        return keys.messages
    found = [key for key in CONVERSATIONS if isinstance(record.get(key), list) or hasattr(record.get(key), "tolist")]
    if not found:
        return None
    if len(found) > 1 or {keys.prompt, keys.answer} <= record.keys():
        raise DataError(
            f"the row holds {' and '.join(map(repr, found))}" + (" and a pair" if len(found) == 1 else ""),
            remedy=f"say which is meant: messages={found[0]!r} (--columns messages={found[0]}), or take one out",
        )
    return found[0]


def _end_of(record: Mapping[str, object], key: str, tally: Tally, source: str) -> Pair:
    """The last answer of a conversation that is to be learned, with its prompt and the turns before them."""
    turns, used = read_turns(record[key], what=repr(key)), {key}
    roles, system = ", ".join(turn.role for turn in turns), record.get("system")
    if isinstance(system, str) and system.strip():
        turns, used = [Turn(role=SYSTEM, text=system), *turns], {key, "system"}
    if _holds(record.get("tools")):
        tally.repair("tools that an assistant was offered, not read", source)
    start = int(turns[0].role == SYSTEM)
    early = len(list(takewhile(lambda turn: turn.role == ASSISTANT, turns[start:])))
    if early:
        turns = [*turns[:start], *turns[start + early :]]
        tally.repair("turns of the assistant before the user's first, left out", source, early)
    last = max((place for place, turn in enumerate(turns) if turn.role == ASSISTANT and turn.learn), default=None)
    if last is None:
        raise DataError(
            f"{key!r} is a conversation ({roles}) without an answer to a user that is to be learned",
            remedy="give one (of a weight other than 0), or leave the conversation out",
        )
    check_order(turns[: last + 1], place=repr(key), first=1 + early - ("system" in used))
    if last + 1 < len(turns):
        tally.repair("turns after the last answer that is learned, left out", source, len(turns) - last - 1)
    *before, prompt, answer = turns[: last + 1]
    facts = _facts(record, used)
    return Pair(prompt=prompt.text, answer=answer.text, before=tuple(before), source=source, meta=facts)


def read_turns(messages: object, *, what: str = "the conversation") -> list[Turn]:
    """The turns of a list of messages: `role` and `content`, or `from` and `value`; `weight` 0 is read, not learned.

    Raises:
        DataError: with the number of the turn: a role that is not known, tools, pictures or other parts, no text.

    Follows: the chat format of OpenAI, and that of ShareGPT.
    Taught in: book/outlook/from-encoders-to-generation
    """
    messages = messages.tolist() if hasattr(messages, "tolist") else messages
    if not isinstance(messages, Sequence) or isinstance(messages, str | bytes) or not messages:
        raise DataError(f"{what} is {messages!r:.80}, which is no conversation", remedy=f"write {FORM}")
    turns = []
    for number, message in enumerate(messages, start=1):
        try:
            turns.append(message if isinstance(message, Turn) else _turn(message))
        except DataError as error:
            raise DataError(f"{what}: turn {number}: {error.problem}", remedy=error.remedy) from None
    return turns


def _turn(message: object) -> Turn:
    if not isinstance(message, Mapping):
        raise DataError(f"there is a {type(message).__name__}", remedy=f"write {FORM}")
    role, text = (message.get(one, message.get(other)) for one, other in (("role", "from"), ("content", "value")))
    held = next((key for key in UNREAD if _holds(message.get(key))), role)
    if held in (*TOOLS, *UNREAD):
        raise DataError(
            f"there is {held!r}, and a turn is text alone",
            remedy="leave such conversations out, or write what is said and learned as text",
        )
    if role not in ROLES:
        raise DataError(f"the role is {role!r}", remedy=f"choose {', '.join(ROLES)}")
    if isinstance(text, list):
        raise DataError(
            "its content is a list of parts, and a turn is text alone",
            remedy="join parts of text; leave conversations with pictures out",
        )
    weight = message.get("weight")
    if weight not in (None, 0, 1):
        raise DataError(f"its weight is {weight!r}", remedy="give 1 (learned) or 0 (read, not learned)")
    return Turn(role=ROLES[role], text=text, learn=weight != 0)


def _holds(value: object) -> bool:
    """Whether something is there; a table gives every row every key, and leaves empty what a row has not."""
    return not is_empty(value) and str(value) not in {"[]", "{}"}


def _facts(record: Mapping[str, object], used: set[str]) -> dict[str, str]:
    return {key: value for key, value in record.items() if key not in used and isinstance(value, str)}
