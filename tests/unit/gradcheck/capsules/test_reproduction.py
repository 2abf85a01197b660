"""The text of a test: it runs, it fails as the check did, and it passes once that is mended."""

import importlib
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from capstone import ops
from capstone.errors import UsageError
from capstone.gradcheck import Names, Op, load_capsule, make_test, save_capsule
from capstone.gradcheck.capsules.recipe import named
from unit.gradcheck.samples import draw

X, W = draw(2, 5), draw(5, seed=1)
WRITTEN = """
cube_fwd = lambda x: (x ** 3, x)
cube_bwd = lambda dy, x: dy * x ** 2 * 2


class Written:
    def __init__(self):
        self.w = np.ones(5)

    def forward(self, x):
        self.x = x
        return x * self.w

    def backward(self, dy):
        self.dw = 2 * (dy * self.x).sum(axis=0)
        return dy * self.w
"""
MENDED = {
    "2 * dw": "dw",
    "3 * dy": "2 * dy",
    "factor=2.0": "factor=1.0",
    "2 * (dy": "(dy",
    "** 2 * 2": "** 2 * 3",
}


@pytest.fixture
def module(gates):
    file = gates / "gates.py"
    file.write_text(file.read_text() + WRITTEN)
    return importlib.import_module("gates")


@pytest.fixture
def texts(gates, module):
    """The texts of tests for wrong gradients of all forms, each in a file as well."""
    pair = Op(module.gate_fwd, module.wrong_bwd)
    names = Names(parameters=("w",), grad="d{}", accumulates=False)
    checks = {
        "op": (pair, [X, W], {"seed": 3}),
        "function": (module.square, [X], {"backward": module.square_backward, "wrt": ["x"]}),
        "layer": (module.Scale(), [X], {}),
        "factory": (module.make_scale(), [X], {"recipe": named("gates:make_scale")}),
        "named": (pair, [np.float32(X), np.float32(W)], {"recipe": named("gates:tilt")}),
        "lambdas": (Op(module.cube_fwd, module.cube_bwd), [X], {"recipe": named("gates:cube")}),
        "large": (pair, [draw(20, 5), W], {}),
        "upstream": (pair, [X, W], {"upstream": draw(2, 5)}),
        "other_names": (module.Written(), [X], {"names": names}),
    }
    for name, (subject, inputs, options) in checks.items():
        save_capsule(f"{name}.npz", subject, *inputs, **options)
        text = make_test(load_capsule(f"{name}.npz"))
        (gates / f"test_{name}.py").write_text(text, encoding="utf-8")
    return {name: (gates / f"test_{name}.py").read_text() for name in checks}


def run(folder):
    """`(name, end)` of each test in a pytest of its own, and all that it says."""
    command = [sys.executable, "-m", "pytest", "-rA", "--tb=line", "-p", "no:cacheprovider"]
    wide = {**os.environ, "COLUMNS": "200"}  # so that the name of the exception is not cut
    done = subprocess.run(
        command, cwd=folder, env=wide, capture_output=True, text=True, check=False
    )
    return dict(re.findall(r"^(?:PASSED|FAILED) test_(\w+)\.py::\w+(.*)", done.stdout, re.M)), done


def test_every_text_fails_now_and_passes_once_it_is_mended(gates, texts):
    ends, done = run(gates)
    assert set(ends) == set(texts), done.stdout
    assert all("GradientMismatch" in end for end in ends.values()), ends
    file = gates / "gates.py"
    for wrong, right in MENDED.items():
        file.write_text(file.read_text().replace(wrong, right))
    ends, done = run(gates)
    assert ends == dict.fromkeys(texts, ""), done.stdout


def test_the_text_reads_like_one_written_by_hand(gates, module):
    inputs = np.array([[1.0, -0.5]]), np.array([2.0, 3.0])
    save_capsule("op.npz", Op(module.gate_fwd, module.wrong_bwd), *inputs)
    assert make_test(load_capsule("op.npz")) == (
        "# gate: d(w) disagrees with the derivative by complex step\n"
        "import numpy as np\n"
        "from capstone.gradcheck import Op, check\n"
        "from gates import gate_fwd, wrong_bwd\n"
        "\n\n"
        "def test_gate_has_the_right_gradient():\n"
        "    x = np.array([[1.0, -0.5]], dtype=np.float64)\n"
        "    w = np.array([2.0, 3.0], dtype=np.float64)\n"
        "    report = check(Op(forward=gate_fwd, backward=wrong_bwd), x, w, seed=0)\n"
        "    report.raise_if_wrong()\n"
    )


def test_large_arrays_stay_in_the_capsule(texts):
    assert 'capsule = load_capsule("large.npz")\n' in texts["large"]
    assert "    x = capsule.inputs[0].restore()\n" in texts["large"]


def test_what_stands_in_a_test_is_loaded_from_its_file(tmp_path):
    save_capsule(tmp_path / "own.npz", Op(check, ops.linear_bwd), X, draw(5, 3))
    text = make_test(load_capsule(tmp_path / "own.npz"))
    assert re.search(r'^check_ = load_thing\("test", ".*test_reproduction.py:check"\)$', text, re.M)
    assert "def test_check_has_the_right_gradient():\n" in text
    compile(text, "text", "exec")


def check(x, weight):
    """A forward pass with the name of something else."""
    return ops.linear_fwd(x, weight)


def test_a_subject_without_a_place_has_no_test(tmp_path):
    save_capsule(tmp_path / "own.npz", Op(lambda x: (x, x), lambda dy, x: 2 * dy), X)
    with pytest.raises(UsageError, match="the subject must be given, as it stands in no module"):
        make_test(load_capsule(tmp_path / "own.npz"))
