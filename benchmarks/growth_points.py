"""What one process of `growth.py` measures: the points of one row, one after the other.

Its argument is a job in JSON, and it prints one line of JSON: a number for each of its sizes.
"""

import gc
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from growth_counts import point

from capstone.memory import keep_freed_memory
from capstone.model import TrainableTransformer
from capstone.shards import Shards

SECONDS, FEWEST = 0.1, 2  # of timed steps a visit
Call = Callable[[], object]


def main() -> None:
    """Do the job."""
    print(json.dumps(measure(json.loads(sys.argv[1]))))


def measure(job: dict[str, Any]) -> list[float]:
    """Seconds of a step, or the bytes of its peak, at each size in the order of the job."""
    keep_freed_memory()  # as `capstone train` does
    measure_step = {"time": time_step, "memory": peak_bytes}[job["quantity"]]
    return [measure_step(make_step(job["row"], size)) for size in job["sizes"]]


def make_step(row: str, size: int) -> Call:
    """The gradients of one batch: forward, loss, backward, in the thread that calls."""
    config, batch = point(row, size)
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, config.vocab_size, (batch, config.seq_len))  # (B, T)
    targets = np.roll(tokens, -1)  # (B, T)
    shards = Shards(TrainableTransformer(config), 1)
    return lambda: shards.compute_gradients(tokens, targets)


def time_step(step: Call) -> float:
    """The median of the steps that fit into a visit, after one that does not count.

    Of the processor: one thread does the work, and waiting for others to leave the core is none.
    """
    step()
    found: list[float] = []
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or len(found) < FEWEST:
        start = time.process_time()
        step()
        found.append(time.process_time() - start)
    return statistics.median(found)


def peak_bytes(step: Call) -> int:
    """The most that a step holds at once, beside parameters, gradients and batch."""
    step()  # tables of rotations and masks, which stay
    gc.collect()
    tracemalloc.start()
    try:
        step()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


if __name__ == "__main__":
    main()
