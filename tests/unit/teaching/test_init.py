import importlib
import pkgutil
import subprocess
import sys

import pytest

from companion import teaching


def test_the_modules_do_not_hide_the_functions():
    modules = [module.name for module in pkgutil.iter_modules(teaching.__path__)]
    for module in modules:
        importlib.import_module(f"companion.teaching.{module}")
    assert len(modules) >= 19
    assert len(teaching.__all__) >= 15
    assert [name for name in teaching.__all__ if not callable(getattr(teaching, name))] == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = teaching.nothing


def test_importing_loads_nothing_heavy():
    code = (
        "import sys; from companion import teaching; teaching.claim('so', 1, equals=1); "
        "print([name for name in ('torch', 'matplotlib', 'IPython', 'ipywidgets', 'numpy', 'nbformat', 'transformers') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, encoding="utf-8")
    assert done.stdout.splitlines() == ["✓ so: 1", "[]"]
