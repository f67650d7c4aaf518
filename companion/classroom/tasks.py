"""What an assignment is: tasks with variants, cases drawn from a secret, and a rubric that can be printed beforehand.

Solutions are public and every student has an assistant, so a task has several variants whose answers differ. A class
draws one of them, and the cases that grade it, from a secret of its own; nothing that is hidden lies in this package.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from companion.errors import ConfigError

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]
"""What goes into a student's function and comes out of it: JSON, and nothing else."""

SLUGS = (
    "a0-second-opinion",
    "a1-pad-batch",
    "a2-cross-entropy",
    "a3-align-labels",
    "a4-training-loop",
    "a5-entity-f1",
    "a6-lora-linear",
    "a7-hybrid-loss",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Cases that teach one thing; their points are earned together, or not at all."""

    name: str
    """One word, unique in its task."""
    points: int
    """At least 1."""
    teaches: str
    """The sentence that a student reads whose function does not do it yet; `backticks` mark code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One call of the student's function."""

    arguments: tuple[Value, ...]
    """JSON values, in the order of the function's parameters."""
    group: str
    """The name of its group."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prediction:
    """A question that is answered before anything runs, and counts."""

    question: str
    """What will happen? `Backticks` mark code."""
    options: Mapping[str, str]
    """Letter to text, in the order of the letters."""
    answer: str
    """The letter of the right one."""
    why: str
    """What the student reads once the task is done."""
    points: int = 1
    """Part of the task's points."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One form of a task: what it asks for, and a function that does it."""

    name: str
    """Unique in its task; stands in the released notebook."""
    statement: str
    """Markdown, put into the student's notebook; `Task.statement` adds the prediction."""
    reference: Callable[..., Value]
    """The right answer for any case."""
    prediction: Prediction
    """Belongs to the variant, so that its answer is drawn as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Misconception:
    """A wrong way that many take, known by its answers: who gives the same ones reads what is behind them."""

    name: str
    """A few words for the teacher's page."""
    message: str
    """What the student reads; `backticks` mark code."""
    answer: Callable[..., Value]
    """Called with the variant's name and the arguments of a case; may raise where the mistake does not apply."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Oral:
    """A question for two minutes at the desk, and what an answer should contain."""

    question: str
    """Open, short, about the student's own lines."""
    gist: str
    """What to listen for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One function to write."""

    function: str
    """Its name; how it is found in a submission."""
    title: str
    """The heading in the rubric."""
    groups: tuple[Group, ...]
    """From easy to hard; this is also the order in which trouble is reported."""
    variants: tuple[Variant, ...]
    """At least three; the first is the published one, whose solution stands in the book."""
    cases: Callable[[Variant, random.Random], list[Case]]
    """Draws cases for a variant; every group has at least one. The same generator state gives the same cases."""
    misconceptions: tuple[Misconception, ...] = ()
    """Tried in order when a case fails."""
    tolerance: float = 1e-6
    """Relative and absolute, for numbers with a fraction; whole numbers and strings must be equal."""
    stepwise: bool = False
    """Whether a student sees the first trouble only, and the next one after it is repaired."""

    @property
    def points(self) -> int:
        """All points, the variant's prediction among them."""
        return sum(group.points for group in self.groups) + self.variants[0].prediction.points

    def variant(self, name: str) -> Variant:
        """The variant of this name. Raises: ConfigError for an unknown one."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        names = [variant.name for variant in self.variants]
        raise ConfigError(f"{self.function}: no variant {name!r}", remedy=f"Its variants are {names}.")

    def statement(self, variant: Variant) -> str:
        """The Markdown of the cell tagged `variant:<function>`: what is asked, and what to predict first."""
        asked = variant.prediction
        options = "\n".join(f"* **{letter}**: {text}" for letter, text in asked.options.items())
        unit = "point" if asked.points == 1 else "points"
        return (
            f"**Statement.** {variant.statement.strip()}\n\n"
            f"**Predict first** ({asked.points} {unit}). {asked.question}\n\n{options}"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """Several tasks in one notebook."""

    slug: str
    """`a1-pad-batch`: the name of the notebook, and with underscores that of its module."""
    title: str
    """What it is about."""
    goals: tuple[str, ...]
    """What a student can do afterwards; each completes "you can …"."""
    hours: tuple[int, int]
    """Student time, from and to."""
    tasks: tuple[Task, ...]
    """In the order of the notebook."""
    oral: tuple[Oral, ...]
    """The bank to draw from."""
    seconds: float = 60.0
    """Wall time of one submission for all its calls; one call may take a quarter of it."""
    preload: tuple[str, ...] = ("torch",)
    """Modules that are imported once for all submissions."""
    withheld: tuple[str, ...] = ("companion",)
    """Packages that a submission cannot import while it is graded, because they would answer for the student."""

    @property
    def points(self) -> int:
        """All points of all tasks."""
        return sum(task.points for task in self.tasks)

    def task(self, function: str) -> Task:
        """The task of this function. Raises: ConfigError for an unknown one."""
        for task in self.tasks:
            if task.function == function:
                return task
        names = [task.function for task in self.tasks]
        raise ConfigError(f"{self.slug}: no task {function!r}", remedy=f"Its functions are {names}.")

    def rubric(self) -> str:
        """What earns how many points, as a Markdown table; the same for every class and every variant."""
        rows = ["| task | points for | points |", "|---|---|---:|"]
        for task in self.tasks:
            rows += [f"| `{task.function}` | {group.teaches} | {group.points} |" for group in task.groups]
            rows.append(f"| `{task.function}` | the prediction | {task.variants[0].prediction.points} |")
        return "\n".join([*rows, f"| **all** | | **{self.points}** |"])


def load_assignment(slug: str) -> Assignment:
    """The assignment of this name. Raises: ConfigError for an unknown one."""
    if slug not in SLUGS:
        raise ConfigError(
            f"no assignment {slug!r} grades itself",
            remedy=f"Those that do: {', '.join(SLUGS)}; a person marks a project.",
        )
    module = importlib.import_module(f"companion.classroom.assignments.{slug.replace('-', '_')}")
    return module.ASSIGNMENT
