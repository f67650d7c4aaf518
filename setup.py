"""Builds the wheel with the book's own corpora, records and assignments inside; the rest stands in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithData(build_py):
    """Copies `data/` and the assignments' notebooks into the package. An editable install reads the repository's."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            root, package = Path(__file__).parent, Path(self.build_lib) / "companion"
            for source, name in ((root / "data", "_data"), (root / "book" / "assignments", "_assignments")):
                shutil.rmtree(package / name, ignore_errors=True)
                shutil.copytree(source, package / name, ignore=shutil.ignore_patterns(".*"))


setup(cmdclass={"build_py": BuildWithData})
