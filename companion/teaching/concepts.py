"""A small graph of learning methods that can be asked: what is it, how do two hang together, which train what.

Every method carries the three choices of the book (what is in the batch, what is minimised, what is trainable); every
edge has a verb. Displayed, the graph draws itself.

Taught in: book/foundations/what-fine-tuning-is
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from companion.errors import ConfigError
from companion.teaching.concept_table import (
    BATCHES,
    CONCEPTS,
    DIAGRAMS,
    KIND,
    RELATIONS,
    TRAINABLES,
    VERBS,
    Concept,
    Diagram,
    Relation,
)
from companion.teaching.surface import Piece


@dataclass(frozen=True, kw_only=True, slots=True)
class WrongArrow:
    """An arrow of a diagram that no relation of the map can be read into.

    Taught in: book/foundations/what-fine-tuning-is
    """

    start: str
    """The text of the box it leaves."""
    end: str
    """The text of the box it points to."""
    concepts: tuple[str, str]
    """The concepts that these stand for."""
    why: str
    """What is wrong with it, in a few words."""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class ConceptMap(Piece):
    """Concepts and the relations between them.

    Raises:
        ConfigError: two concepts share a name, a method has an unknown choice, a relation has an unknown verb or end,
            or something is a kind of itself.

    Taught in: book/foundations/what-fine-tuning-is
    """

    concepts: tuple[Concept, ...]
    """What stands on the map."""
    relations: tuple[Relation, ...]
    """How it hangs together."""
    diagrams: dict[str, Diagram] = field(default_factory=lambda: {diagram.name: diagram for diagram in DIAGRAMS})
    """Diagrams of the source documents, by name, to compare with."""

    def __post_init__(self) -> None:
        names = [concept.name for concept in self.concepts]
        if twice := {name for name in names if names.count(name) > 1}:
            raise _wrong(f"{min(twice)!r} stands on it twice", "Give each concept one name.")
        for concept in self.concepts:
            if not bool(concept.batch) == bool(concept.minimised) == bool(concept.trainable):
                raise _wrong(f"{concept.name!r} has one choice without the others", "Give all three, or none.")
            for choice, allowed in ((concept.batch, BATCHES), (concept.trainable, TRAINABLES)):
                if choice and choice not in allowed:
                    raise _wrong(f"{concept.name!r} has the choice {choice!r}", f"Use one of {', '.join(allowed)}.")
        for relation in self.relations:
            self[relation.start], self[relation.end]
            if relation.verb not in VERBS:
                raise _wrong(f"unknown verb {relation.verb!r}", f"Use one of {', '.join(VERBS)}.")
        for name in names:
            if any(name in self.above(parent) for parent in self._parents(name)):
                raise _wrong(f"{name!r} is a kind of itself", "Remove one of its relations.")

    def __getitem__(self, name: str) -> Concept:
        for concept in self.concepts:
            if concept.name == name:
                return concept
        raise _wrong(f"no concept {name!r}", f"Ask for one of {', '.join(c.name for c in self.concepts)}.")

    def about(self, name: str) -> Piece:
        """A card: definition, Chinese term, three choices, relations, chapter."""
        from companion.teaching.concept_drawing import card

        concept = self[name]
        return card(concept, [relation for relation in self.relations if name in (relation.start, relation.end)])

    def above(self, name: str) -> tuple[str, ...]:
        """The concept and everything it is a kind of, nearest first."""
        return self._walk(name, self._parents)

    def below(self, name: str) -> tuple[str, ...]:
        """The concept and every kind of it."""
        return self._walk(name, self._kinds)

    def is_a(self, name: str, wider: str) -> bool:
        """Whether the first is a kind of the second, directly or through others."""
        return self[wider].name in self.above(name)

    def which(self, **choices: str) -> list[str]:
        """The methods with these choices: `which(trainable="few")`, `which(batch="nothing")`.

        A method that leaves a choice open ("any") is found only by asking for "any".
        """
        unknown = set(choices) - {"batch", "minimised", "trainable"}
        if unknown or not choices:
            raise _wrong(f"which() got {sorted(unknown) or 'nothing'}", "Ask by batch=, minimised= or trainable=.")
        for name, allowed in (("batch", BATCHES), ("trainable", TRAINABLES)):
            if choices.get(name, allowed[0]) not in allowed:
                raise _wrong(f"{name} is {choices[name]!r}", f"Use one of {', '.join(allowed)}.")
        return [c.name for c in self.concepts if all(getattr(c, name) == value for name, value in choices.items())]

    def path(self, start: str, end: str) -> list[Relation]:
        """The shortest chain of relations between two concepts, read in either direction; empty where there is none."""
        before: dict[str, Relation | None] = {self[start].name: None}
        waiting = deque([start])
        while waiting and self[end].name not in before:
            here = waiting.popleft()
            for relation in self.relations:
                if here in (relation.start, relation.end):
                    other = relation.end if here == relation.start else relation.start
                    if other not in before:
                        before[other] = relation
                        waiting.append(other)
        chain: list[Relation] = []
        while (step := before.get(end)) is not None:
            chain.append(step)
            end = step.end if end == step.start else step.start
        return chain[::-1]

    def relation(self, one: str, other: str) -> Relation | None:
        """A relation that holds between two concepts, in either direction, or None.

        What holds for a concept holds for its kinds; and a kind of a kind is a kind.
        """
        for start, end in ((self[one].name, self[other].name), (other, one)):
            if start != end and self.is_a(start, end):
                return Relation(start, KIND, end)
            starts, ends = self.above(start), (*self.above(end), *self.below(end))
            for relation in self.relations:
                if relation.verb != KIND and relation.start in starts and relation.end in ends:
                    return Relation(start, relation.verb, end)
        return None

    def wrong_edges(self, diagram: str | Diagram) -> list[WrongArrow]:
        """The arrows of a diagram, or of one of `diagrams` by name, into which no relation of the map can be read.

        The arrows have no name, so any relation will do, in either direction. An arrow between two boxes that mean the
        same is wrong as well.
        """
        if isinstance(diagram, str):
            if diagram not in self.diagrams:
                raise _wrong(f"no diagram {diagram!r}", f"Choose one of {', '.join(self.diagrams)}.")
            diagram = self.diagrams[diagram]
        found = []
        for arrow in diagram.arrows:
            (text, one), (points_to, other) = (diagram.boxes[letter] for letter in arrow)
            if one == other:
                why = f"two boxes, one idea: {one}"
            elif self.relation(one, other) is None:
                why = f"no relation between {one} and {other}"
            else:
                continue
            found.append(WrongArrow(start=text, end=points_to, concepts=(one, other), why=why))
        return found

    def with_concept(self, concept: Concept, *relations: tuple[str, str, str]) -> ConceptMap:
        """A larger map: one more concept, and its relations as `(start, verb, end)`."""
        added = (*self.relations, *(Relation(*relation) for relation in relations))
        return replace(self, concepts=(*self.concepts, concept), relations=added)

    def text(self) -> str:
        return "\n".join(
            [f"A map of {len(self.concepts)} concepts and {len(self.relations)} relations", *map(str, self.relations)]
        )

    def html(self) -> str:
        from companion.teaching.concept_drawing import drawing

        return drawing(self)

    def _parents(self, name: str) -> list[str]:
        return [relation.end for relation in self.relations if relation.verb == KIND and relation.start == name]

    def _kinds(self, name: str) -> list[str]:
        return [relation.start for relation in self.relations if relation.verb == KIND and relation.end == name]

    def _walk(self, name: str, step: object) -> tuple[str, ...]:
        reached: list[str] = [self[name].name]
        for here in reached:
            reached.extend(other for other in step(here) if other not in reached)  # type: ignore[operator]
        return tuple(reached)


def concept_map(concepts: Sequence[Concept] = CONCEPTS, relations: Sequence[Relation] = RELATIONS) -> ConceptMap:
    """The map of pre-training, fine-tuning, prompting and their relatives; displayed, it draws itself.

    Ask it with `.about(name)`, `.path(a, b)`, `.which(trainable="few")`, `.is_a(a, b)` and
    `.wrong_edges("learning paradigms")`.

    Raises: ConfigError for concepts or relations that do not make a map.
    Taught in: book/foundations/what-fine-tuning-is
    """
    return ConceptMap(concepts=tuple(concepts), relations=tuple(relations))


def _wrong(problem: str, remedy: str) -> ConfigError:
    return ConfigError(f"concept map: {problem}", remedy=remedy)
