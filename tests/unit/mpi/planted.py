"""`capstone train` with a fault in one rank at one step: planted.py FAULT RANK STEP OPTIONS..."""

import os
import signal
import sys

from mpi4py import MPI

from capstone import train
from capstone.cli import main

FAULTS = {
    "bug": lambda run: 1 // 0,
    "kill": lambda run: os.kill(os.getpid(), signal.SIGKILL),
    "drift": lambda run: run.model.flat.data.__setitem__(3, 1),
}
fault, rank, at, *options = sys.argv[1:]
take_step = train.TrainingRun._step


def step(self, inputs, targets):
    """The step, after the fault if its time has come."""
    if (MPI.COMM_WORLD.rank, self.steps_done) == (int(rank), int(at)):
        FAULTS[fault](self)
    return take_step(self, inputs, targets)


train.TrainingRun._step = step
sys.exit(main(["train", *options]))
