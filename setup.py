"""Builds the wheel with the book's own corpora and records inside; everything else stands in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithData(build_py):
    """Copies `data/` to `companion/_data`. An editable install needs no copy: it reads the repository's `data/`."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib) / "companion" / "_data"
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(Path(__file__).parent / "data", target)


setup(cmdclass={"build_py": BuildWithData})
