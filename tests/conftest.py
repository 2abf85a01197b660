"""What holds for all tests: how Hypothesis runs, and which package subprocesses import."""

import os
from pathlib import Path

from hypothesis import settings

import capstone

# The very package that is tested here, whether it is installed or stands in src/.
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [str(Path(capstone.__file__).parents[1]), os.environ.get("PYTHONPATH")])
)

# Without deadlines, as a busy machine is no bug; in CI with the same examples every time.

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
