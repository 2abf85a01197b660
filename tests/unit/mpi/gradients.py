"""Each rank writes the loss and the gradients that it got: gradients.py FOLDER THREADS."""

import sys
from pathlib import Path

import numpy as np

from capstone.model import ModelConfig, TrainableTransformer
from capstone.mpi import find_job
from capstone.ranks import Ranks
from capstone.shards import Shards

B, T = 7, 6
CONFIG = ModelConfig(11, seq_len=T, d_model=12, n_layers=2, n_heads=3, d_ff=7)


def batch():
    """Inputs and targets (B, T), of which one row counts less, and one not at all."""
    inputs, targets = np.random.default_rng(0).integers(0, 11, (2, B, T))
    targets[0, 1:] = targets[6] = -1
    return inputs, targets


def main():
    """A model of its own in every rank."""
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    job, model = find_job(), TrainableTransformer(CONFIG, dtype=np.float64)
    with Ranks(Shards(model, threads), job) as ranks:
        loss = ranks.compute_gradients(*batch(), ignore_index=-1)
    np.savez(folder / f"{job.size}-{job.rank}.npz", loss=loss, grad=model.flat.grad)


if __name__ == "__main__":
    main()
