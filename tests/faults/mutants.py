"""Well-known bugs put back into a copy of the package: the tests named for each must fail, and pass without it.

A mutant is a change of the source text, applied in a temporary copy, in which pytest runs as a process of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """A bug as a change of one module, and the tests that must see it."""

    file: str
    """The module, from the root of the repository."""
    changes: tuple[tuple[str, str], ...]
    """What is replaced by what; the first text stands there exactly once."""
    tests: tuple[str, ...]
    """The tests that must fail, as pytest takes them; one failing is enough."""


TRAINING = "companion/training"
TESTS = "tests/unit/training"

MANIFEST_FIRST = """
def _write_files(folder, tensors, documents):
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        _write_data(Path(place), tensors, documents)
        for path in sorted(Path(place).iterdir(), key=lambda path: path.name != MANIFEST):
            (folder / path.name).write_bytes(path.read_bytes())
            sync(folder / path.name)


def _write_data("""

MUTANTS = {
    "a mean of means": Mutant(
        file=f"{TRAINING}/gradients.py",
        changes=(
            (
                "_backward(trained, shares, scale)",
                "_backward(trained, {name: objective.weights[name] / max(1, counted[name]) / len(batches)"
                " for name in trained}, scale)",
            ),
        ),
        tests=(f"{TESTS}/test_gradients.py::test_any_piece_budget_gives_the_gradient_of_one_batch",),
    ),
    "dropout that follows the process": Mutant(
        file=f"{TRAINING}/gradients.py",
        changes=(('with torch_stream(device, settings.config.seed, "forward", *place, index, rank):', "if True:"),),
        tests=(f"{TESTS}/test_resume.py::test_broken_off_after_any_update",),
    ),
    "the manifest first, in place": Mutant(
        file=f"{TRAINING}/checkpoint.py",
        changes=(
            ("\ndef _write_files(", MANIFEST_FIRST),
            (
                "temporary, aside = (self.folder / "
                'f"{target.name}.{word}-{os.getpid()}" for word in (UNFINISHED, ASIDE))',
                'temporary, aside = target, self.folder / "aside"',
            ),
            (
                "            if target.exists():\n                target.rename(aside)\n"
                "            temporary.rename(target)\n",
                "",
            ),
        ),
        tests=("tests/faults/test_kill.py::test_a_kill_at_every_step_of_a_save", "tests/faults/test_stress.py"),
    ),
    "a step saved again is deleted first": Mutant(
        file=f"{TRAINING}/checkpoint.py",
        changes=(("                target.rename(aside)\n", "                shutil.rmtree(target)\n"),),
        tests=("tests/faults/test_saved_twice.py::test_a_kill_at_any_rename_leaves_a_checkpoint",),
    ),
    "columns cut to the shortest row": Mutant(
        file="companion/corpora/conll.py",
        changes=(("        if len(cells) not in self.columns:\n", "        if not cells:\n"),),
        tests=("tests/unit/corpora/test_conll.py::test_rows_that_do_not_fit_are_refused_with_their_line",),
    ),
    "the guard after the step": Mutant(
        file=f"{TRAINING}/loop.py",
        changes=(
            (
                "        check_finite(gradient, norm, window, state.step + 1)\n        parts.optimizer.step()\n",
                "        parts.optimizer.step()\n        check_finite(gradient, norm, window, state.step + 1)\n",
            ),
        ),
        tests=(f"{TESTS}/test_loop.py::test_a_loss_that_is_no_number_stops_before_the_step",),
    ),
    "the best not kept": Mutant(
        file=f"{TRAINING}/saving.py",
        changes=(
            (
                "store.save(state.step, tensors, documents, keep={state.best_step or state.step})",
                "store.save(state.step, tensors, documents, keep=set())",
            ),
        ),
        tests=(f"{TESTS}/test_resume.py::test_best_and_last_are_kept_and_the_best_reads_back_exactly",),
    ),
    "decay on biases": Mutant(
        file=f"{TRAINING}/optimizer.py",
        changes=(
            ("if parameter.dim() > 1]", "if parameter.dim() > 0]"),
            ("if parameter.dim() <= 1]", "if parameter.dim() <= 0]"),
        ),
        tests=(f"{TESTS}/test_optimizer.py::test_biases_and_normalisation_weights_are_not_decayed",),
    ),
    "an evaluation on the random state of training": Mutant(
        file=f"{TRAINING}/judgement.py",
        changes=((', torch_stream(config.device, config.seed, "evaluate", step):', ":"),),
        tests=(f"{TESTS}/test_judgement.py",),
    ),
    "dropout off after the first evaluation": Mutant(
        file=f"{TRAINING}/judgement.py",
        changes=(("        model.train(was_training)\n", "        pass\n"),),
        tests=(f"{TESTS}/test_judgement.py",),
    ),
    "sizes compared instead of digests": Mutant(
        file=f"{TRAINING}/checkpoint.py",
        changes=(("        if found != expected:\n", '        if found["bytes"] != expected["bytes"]:\n'),),
        tests=("tests/faults/test_corruption.py",),
    ),
    "no falling back": Mutant(
        file=f"{TRAINING}/checkpoint.py",
        changes=(("                problems.append(str(error))\n", "                raise\n"),),
        tests=("tests/faults/test_corruption.py",),
    ),
    "deleted before it was read back": Mutant(
        file=f"{TRAINING}/checkpoint.py",
        changes=(("        verify_checkpoint(target)\n", ""),),
        tests=(
            "tests/faults/test_checkpoint_damage.py::test_nothing_is_deleted_before_the_new_one_has_been_read_back",
        ),
    ),
    "the same masks in every epoch": Mutant(
        file="companion/encoding/masking.py",
        changes=(('"mask", epoch, row)', '"mask", row)'),),
        tests=("tests/unit/encoding/test_masking.py",),
    ),
    "the last rows of an epoch dropped": Mutant(
        file="companion/encoding/source.py",
        changes=(
            (
                "        return -(-len(self.rows) // self.batch_size)\n",
                "        return len(self.rows) // self.batch_size\n",
            ),
        ),
        tests=("tests/unit/encoding/test_source.py",),
    ),
}


def mutate(name: str, root: Path) -> str:
    """The mutated source of its module.

    Raises:
        ValueError: the text to replace is not there exactly once; the mutant has to follow the source.
    """
    mutant = MUTANTS[name]
    source = (root / mutant.file).read_text("utf-8")
    for before, after in mutant.changes:
        if source.count(before) != 1:
            raise ValueError(f"{name}: {before!r} stands {source.count(before)} times in {mutant.file}")
        source = source.replace(before, after)
    compile(source, mutant.file, "exec")
    return source


def copy_package(folder: Path) -> Path:
    """A copy of the package and its tests, in which mutants may live."""
    skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in ("companion", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=skipped)
    for part in ("pyproject.toml", "book", "data"):
        (folder / part).symlink_to(ROOT / part)
    return folder


def run_tests(folder: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """pytest's exit code in a copy (0: all passed, 1: some failed), and its last line."""
    path = os.pathsep.join([str(folder), str(folder / "book" / "_ext")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *tests, "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode, re.sub(r" in [0-9.]+s.*", "", lines[-1].strip("= ")) if lines else ""


def is_killed(name: str, folder: Path) -> tuple[bool, str]:
    """Put a mutant into the copy, run its tests, and put the source back; whether they failed, and how they ended."""
    place = folder / MUTANTS[name].file
    original = place.read_text("utf-8")
    place.write_text(mutate(name, folder), "utf-8")
    try:
        code, line = run_tests(folder, MUTANTS[name].tests)
    finally:
        place.write_text(original, "utf-8")
    return code == 1, line
