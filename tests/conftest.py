"""How Hypothesis runs: without deadlines, and with the same examples every time in CI."""

import os

from hypothesis import settings

settings.register_profile("local", deadline=None)  # a busy machine is no bug
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
