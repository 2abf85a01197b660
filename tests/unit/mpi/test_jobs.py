"""Jobs of several processes under `mpiexec`: their gradients, their checkpoints, their ends."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tolerances
from capstone.checkpoint import load_checkpoint
from capstone.model import TrainableTransformer
from capstone.run_folder import LAST
from capstone.shards import Shards
from docs_runner import blocks, read
from unit.closeness import distance
from unit.mpi.gradients import CONFIG, batch

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "train-on-several-machines.md"
TEXT = "To be, or not to be, that is the question.\n" * 20
NUMBERS = {"d_model": 8, "n_layers": 1, "n_heads": 2, "seq_len": 8, "batch_size": 5}
SIZES = [f"--{name.replace('_', '-')}={number}" for name, number in NUMBERS.items()]
TRAIN = ["-m", "capstone", "train", "--text-file", "text.txt", *SIZES, "--dtype", "float64"]
ENDLESS = ["--max-steps", "1000000", "--eval-every", "2", "--out", "run"]
LONG = 60  # seconds in which every job here ends, or it hangs
ENVIRONMENT = {  # Open MPI asks for permission; other launchers do not know these
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every job starts in a folder that holds nothing but `text.txt`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def mpiexec(ranks):
    """The launcher, that of this environment first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    launcher = shutil.which("mpiexec", path=path)
    assert launcher is not None, "these tests need an mpiexec"
    return [launcher, "-n", str(ranks), sys.executable]


@contextlib.contextmanager
def started(ranks, *arguments, **environment):
    """A running job, which is ended whatever happens."""
    with subprocess.Popen(
        [*mpiexec(ranks), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **ENVIRONMENT, **environment},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run_job(ranks, *arguments, **environment):
    """Exit code, output and errors of a job that ends by itself."""
    with started(ranks, *arguments, **environment) as process:
        output, error = process.communicate(timeout=LONG)
    return process.returncode, output, error


def planted(fault, rank, step):
    """Train endlessly until a fault in one rank."""
    place = [str(HERE / "planted.py"), fault, str(rank), str(step)]
    return run_job(4, *place, "--text-file", "text.txt", *SIZES, *ENDLESS)


def said(error):
    """The lines of our own; launchers add some."""
    return [line for line in error.splitlines() if line.startswith("capstone")]


def last_step():
    """The step of the last checkpoint, which must be whole."""
    arrays, facts = load_checkpoint(Path("run") / LAST)
    assert all(np.isfinite(array).all() for array in arrays.values())
    return facts["step"]


@pytest.mark.parametrize(("ranks", "threads"), [(1, 1), (2, 1), (4, 1), (2, 2)])
def test_every_rank_gets_the_gradients_of_one_process(folder, ranks, threads):
    model = TrainableTransformer(CONFIG, dtype=np.float64)
    with Shards(model, 1) as shards:
        loss = shards.compute_gradients(*batch(), ignore_index=-1)
    assert run_job(ranks, str(HERE / "gradients.py"), ".", str(threads)) == (0, "", "")
    found = [np.load(folder / f"{ranks}-{rank}.npz") for rank in range(ranks)]
    for file in found:
        assert distance(file["loss"], loss) < tolerances.TWO_WAYS
        assert distance(file["grad"], model.flat.grad) < tolerances.TWO_WAYS
        np.testing.assert_array_equal(file["grad"], found[0]["grad"])


def test_four_ranks_train_as_one_process_does(folder):
    steps = ["--max-steps", "6", "--eval-every", "3"]
    code, output, error = run_job(4, *TRAIN, *steps, "--out", "four")
    assert (code, error) == (0, "")
    assert output.count("6 steps of 5 x 8 characters in float64 in 4 processes") == 1
    assert output.count("everything goes to four") == 1
    subprocess.run([sys.executable, *TRAIN, *steps, "--out", "one"], check=True)
    names = [sorted(path.name for path in (folder / run).iterdir()) for run in ("one", "four")]
    assert names[0] == names[1]
    assert (folder / "four" / "metrics.jsonl").read_text("utf-8").count("\n") == 2
    one, four = (load_checkpoint(folder / run / LAST)[0] for run in ("one", "four"))
    assert one.keys() == four.keys()
    for name, array in one.items():
        assert distance(four[name], array) < tolerances.RANKS_TRAINED
    assert {path.name for path in folder.iterdir()} == {"text.txt", "one", "four"}


def test_the_commands_of_the_page_are_right(folder):
    (command,) = re.findall(r"^mpiexec .*$", read(PAGE), re.MULTILINE)
    launcher, number, ranks, program, *options = command.split()
    assert (launcher, number, program) == ("mpiexec", "-n", "capstone")
    code, _, error = run_job(ranks, "-m", program, *options)
    assert (code, error) == (0, "")
    assert [path.name for path in (folder / "runs").iterdir()] == ["hamlet-tiny"]


def test_the_program_of_the_page_prints_the_same_for_several_ranks(folder):
    (program,), (shown,) = blocks(PAGE, "python"), blocks(PAGE, "text")
    (folder / "program.py").write_text(program)
    assert run_job(3, "program.py") == (0, shown, "")


MISTAKES = {
    "text": (["--text-file", "none.txt"], "the text file must exist"),
    "option": (["--bogus"], "unrecognized arguments: --bogus"),
    "small_batch": (["--batch-size", "3"], "expected batch_size >= 4, got 3"),
    "folder": (["--out", "."], "a run never overwrites another"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said_once_and_makes_nothing(folder, name):
    arguments, rule = MISTAKES[name]
    code, output, error = run_job(4, *TRAIN, *arguments)
    assert (code, output) == (2, "")
    (line,) = said(error)
    assert rule in line
    assert "rank 0" not in line
    assert [path.name for path in folder.iterdir()] == ["text.txt"]


def test_a_job_without_mpi4py_is_refused_once(folder):
    (folder / "without").mkdir()
    (folder / "without" / "mpi4py.py").write_text("raise ImportError('no mpi4py')")
    path = os.pathsep.join([str(folder / "without"), os.environ["PYTHONPATH"]])
    code, output, error = run_job(4, *TRAIN, PYTHONPATH=path)
    assert (code, output) == (2, "")
    (line,) = said(error)
    assert "a job of 4 processes needs mpi4py: expected it installed, got no mpi4py" in line


@pytest.mark.parametrize("rank", [0, 2])
def test_a_bug_in_one_rank_ends_the_job(rank):
    code, _, error = planted("bug", rank, 3)
    assert code == 1
    (line,) = said(error)
    assert f"rank {rank} of 4 on " in line
    assert "ZeroDivisionError" in line
    assert error.count("Traceback") == 1
    assert last_step() == 2


def test_a_rank_that_drifts_ends_the_job():
    code, _, error = planted("drift", 1, 3)
    assert code == 2
    (line,) = said(error)
    assert "all ranks must have the same weights after 4 steps" in line
    assert "rank 1 of 4" in line
    assert last_step() == 2


@pytest.mark.parametrize("rank", [0, 3])
def test_a_killed_rank_ends_the_job(rank):
    code, _, _ = planted("kill", rank, 3)
    assert code != 0
    assert last_step() == 2


def test_control_c_ends_the_job():
    with started(4, *TRAIN, *ENDLESS) as process:
        while "step 4/" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=LONG)
    assert process.returncode != 0
    assert len(said(error)) <= 1  # Open MPI leaves no time for any
    assert last_step() >= 4
