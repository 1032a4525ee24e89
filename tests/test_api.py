"""The public names, and that the package is light until they are used."""

import doctest
import subprocess
import sys

import pytest

import pinnkan


def test_importing_pinnkan_imports_nothing_heavy() -> None:
    code = "import sys, pinnkan; print(sorted({'torch', 'numpy', 'sympy', 'pyvista', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_loading_a_problem_does_not_import_torch() -> None:
    code = "import sys, pinnkan; pinnkan.load_problem('poisson2d'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_public_names_are_there() -> None:
    for name in ("Problem", "load_problem", "solve", "load_solution", "Solution"):
        assert callable(getattr(pinnkan, name))
        assert name in dir(pinnkan)


def test_other_names_are_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'resolve'"):
        pinnkan.resolve  # noqa: B018


def test_the_example_of_the_package_runs() -> None:
    failed, tried = doctest.testmod(pinnkan)
    assert (failed, tried > 5) == (0, True)
