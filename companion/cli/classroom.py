"""`companion class`: make a class, release its notebooks, collect and grade submissions, report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from companion.cli.options import JSON
from companion.cli.output import emit, say, table

FOLDER = Annotated[Path, typer.Argument(help="The folder of the class.")]
SLUG = Annotated[str, typer.Argument(help="The assignment, such as a1-pad-batch.")]


def build_class_app() -> typer.Typer:
    """The commands under `companion class`."""
    app = typer.Typer(
        help="Assignments for a class: release, collect, grade in isolation, report. See the instructor's guide.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
    )
    for command in (init, show, release, collect, isolation, grade, report):
        app.command()(command)
    return app


def init(
    folder: Annotated[Path, typer.Argument(help="A new folder, which only you will be able to read.")],
    title: Annotated[str, typer.Option(help="What the class is called on its pages.")] = "Fine-tuning",
    as_json: JSON = False,
) -> None:
    """Make a class: a folder with a secret, from which its variants and every case are drawn."""
    from companion.classroom.course import create
    from companion.classroom.tasks import SLUGS

    course = create(folder, title=title)
    lines = [
        f"{folder} is made. Keep {folder}/secret to yourself, and keep a copy: without it nothing can be regraded."
    ]
    lines += [
        f"Put roster.csv into it if you want names (student,name,email,id,section). Assignments: {', '.join(SLUGS)}."
    ]
    emit({"folder": str(course.folder), "assignments": list(SLUGS)}, "\n".join(lines), as_json=as_json)


def show(folder: FOLDER, slug: SLUG, as_json: JSON = False) -> None:
    """What an assignment asks, its rubric, the variants this class has drawn, and the questions for the desk."""
    from companion.classroom.course import open_course
    from companion.classroom.tasks import load_assignment

    course, assignment = open_course(folder), load_assignment(slug)
    variants = course.variants(assignment)
    low, high = assignment.hours
    lines = [f"{assignment.title} ({low} to {high} hours, {assignment.points} points). Afterwards you can:"]
    lines += [f"  * {goal}" for goal in assignment.goals]
    lines += ["", "This class has drawn:", *(f"  {function}: {name}" for function, name in variants.items())]
    lines += ["", assignment.rubric(), "", "Two minutes at the desk:"]
    lines += [f"  {one.question}\n    → {one.gist}" for one in assignment.oral]
    about = {"slug": slug, "title": assignment.title, "points": assignment.points, "variants": variants}
    about |= {"oral": [{"question": one.question, "gist": one.gist} for one in assignment.oral]}
    emit(about, "\n".join(lines), as_json=as_json)


def release(
    folder: FOLDER, slug: Annotated[list[str], typer.Argument(help="Assignments to release.")], as_json: JSON = False
) -> None:
    """Write the notebooks for students: this class's variants, without solutions and outputs."""
    from companion.classroom.course import open_course
    from companion.classroom.release import release as write

    course = open_course(folder)
    paths = [str(write(course, name)) for name in slug]
    emit({"released": paths}, "\n".join(paths), as_json=as_json)


def collect(
    folder: FOLDER,
    slug: SLUG,
    source: Annotated[Path, typer.Argument(help="A folder, a .zip from the learning platform, or one notebook.")],
    as_json: JSON = False,
) -> None:
    """Take in submissions; whoever is there already is replaced. Prints what is refused, and why."""
    from companion.classroom.collect import collect as take
    from companion.classroom.course import open_course

    taken = take(open_course(folder), slug, source)
    lines = [f"{len(taken.taken)} taken: {', '.join(taken.taken) or 'none'}"]
    lines += [f"refused: {name}: {why}" for name, why in taken.refused.items()]
    emit({"taken": taken.taken, "refused": taken.refused}, "\n".join(lines), as_json=as_json)


def isolation(as_json: JSON = False) -> None:
    """Try out, one by one, whether this system keeps student code apart; exit code 1 if it does not."""
    from companion.classroom.probe import isolation_report

    found = isolation_report()
    emit(found.to_dict(), str(found), as_json=as_json)
    if not found.isolated:
        raise typer.Exit(1)


def grade(
    folder: FOLDER,
    slug: SLUG,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Submissions at a time; one a core.")] = 2,
    again: Annotated[bool, typer.Option("--again", help="Also what is graded and unchanged.")] = False,
    student: Annotated[list[str] | None, typer.Option(help="Only this student.")] = None,
    as_json: JSON = False,
) -> None:
    """Grade what was collected, each submission in isolation; goes on where an earlier grading was ended."""
    from companion.classroom.course import open_course
    from companion.classroom.grading import grade_class

    results = grade_class(open_course(folder), slug, jobs=jobs, again=again, only=student or (), tell=say)
    rows = [[name, str(one["earned"]), str(one["possible"])] for name, one in results.items()]
    document = {name: {"earned": one["earned"], "possible": one["possible"]} for name, one in results.items()}
    emit(document, table([["student", "earned", "of"], *rows]), as_json=as_json)


def report(folder: FOLDER, slug: SLUG, as_json: JSON = False) -> None:
    """Write CSV for Canvas, Moodle and Gradescope, a page a student, and a page for the class."""
    from companion.classroom.course import open_course
    from companion.classroom.reports import report as write

    done = write(open_course(folder), slug)
    lines = [f"{done.graded} students: {done.folder}/class.html, students/*.html, grades.csv, canvas.csv, moodle.csv, "]
    lines[0] += "gradescope.csv"
    lines += [f"handed nothing in: {', '.join(done.missing)}"] if done.missing else []
    lines += [f"not on the roster: {', '.join(done.strangers)}"] if done.strangers else []
    lines += [f"not graded as it stands now: {', '.join(done.waiting)}"] if done.waiting else []
    lines += [f"alike: {group}" for group in done.alike]
    document = {"folder": str(done.folder), "graded": done.graded, "missing": done.missing, "waiting": done.waiting}
    document |= {"strangers": done.strangers}
    document |= {"alike": [list(group.students) for group in done.alike]}
    emit(document, "\n".join(lines), as_json=as_json)
