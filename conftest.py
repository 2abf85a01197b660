"""Tests run with the plugin and the source of this checkout, installed or not."""

import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "src"


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the plugin unless it is there: its options must exist before any test is found."""
    loaded = sys.modules.get("capstone")
    is_edited = str(SOURCE) in sys.path  # pyproject.toml puts it there; tox tests the wheel instead
    if is_edited and loaded and not Path(str(loaded.__file__)).is_relative_to(SOURCE):
        # an installed copy came in with its plugin: what is tested is what is edited
        for name in [name for name in sys.modules if name.partition(".")[0] == "capstone"]:
            del sys.modules[name]
    if not pluginmanager.has_plugin("gradcheck"):
        from capstone import pytest_plugin

        pluginmanager.register(pytest_plugin, "gradcheck")
