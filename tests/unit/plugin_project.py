"""A project of somebody's own, in which pytest runs with the plugin of this checkout."""

from typing import Any

HEAD = """
import numpy as np
import pytest

X = np.array([0.3, -1.2, 2.0])

def right(dy, x):
    return dy * np.cos(x)

def wrong(dy, x):
    return 2 * dy * np.cos(x)
"""
RIGHT = "def test_right(gradcheck):\n    gradcheck(np.sin, X, backward=right)\n"
WRONG = "def test_wrong(gradcheck):\n    gradcheck(np.sin, X, backward=wrong)\n"
CONFTEST = """
def pytest_addoption(pluginmanager):
    if not pluginmanager.has_plugin('gradcheck'):
        from capstone import pytest_plugin
        pluginmanager.register(pytest_plugin, 'gradcheck')
"""


def run_project(pytester: Any, tests: str, *words: str, ini: str = "", where: str = ".") -> Any:
    """Run pytest on some tests, with words of the command line and lines of the ini file.

    Args:
        pytester: pytest's own fixture.
        tests: source, below the imports and functions of `HEAD`.
        words: of the command line.
        ini: lines of the ini file.
        where: the folder of the tests.
    """
    pytester.makeini(f"[pytest]\n{ini}")
    pytester.makeconftest(CONFTEST)
    folder = pytester.path / where
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_project.py").write_text(HEAD + tests)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *words, where)
