"""What the gradients of one batch need in memory, beside what the layers save for them.

    python benchmarks/memory.py [--preset tiny small] [--shards 1 2]

Each line is measured in a process of its own, in float32, at the batch size of the preset:

* saved: what all caches hold at the most, each piece of memory once and no parameters: after the
  forward pass of every shard; where blocks recompute, with all that one block saves added.
* peak: the most memory that the arrays of one call of `Shards.compute_gradients` take at a time,
  beyond those that were there before, as `tracemalloc` counts them.
* process: its largest resident size after a step of AdamW and one such call: the interpreter and
  libraries, the making of model and replicas, and what is freed, which stays for later use.
"""

import argparse
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

from capstone._typing import Array
from capstone.layers import Layer
from capstone.memory import keep_freed_memory
from capstone.model import TrainableTransformer
from capstone.optim import AdamW
from capstone.presets import BATCH_SIZES, PRESETS, preset
from capstone.shards import Shards

VOCABULARY = 65  # as in the sizes of the other benchmarks
MODES = {
    "plain": {"micro_batches": 1, "recompute": False},
    "recompute": {"micro_batches": 1, "recompute": True},
    "4 micro-batches": {"micro_batches": 4, "recompute": False},
    "both": {"micro_batches": 4, "recompute": True},
}
MIB = 2.0**20
HEADER = ("preset", "shards", "", "saved", "peak", "peak / saved", "process")
SIZES_HEADER = ("preset", "parameters", "gradients", "moments", "gradients of each other shard")
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


def main() -> None:
    """Measure every line in a process of its own and print both tables."""
    options = parse()
    if options.job:
        print(json.dumps(measure(**json.loads(options.job))))
        return
    rows, sizes = [HEADER], [SIZES_HEADER]
    for name in options.preset:
        for shards in options.shards:
            for mode in MODES:
                print(f"{name}, {shards} shards, {mode}", file=sys.stderr)
                found = run_process(preset=name, shards=shards, mode=mode)
                rows.append((name, str(shards), mode, *cells(found)))
        held = [f"{found[key] / MIB:.1f}" for key in ("parameters", "gradients", "moments")]
        sizes.append((name, *held, held[1]))
    batches = ", ".join(f"{BATCH_SIZES[name]} ({name})" for name in options.preset)
    print(f"MiB, float32, batches of {batches}\n\n{aligned(rows)}\n\n{aligned(sizes)}")


def parse() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--preset", choices=tuple(PRESETS), nargs="+", default=list(PRESETS))
    parser.add_argument("--shards", type=int, nargs="+", default=[1, 2], metavar="N")
    parser.add_argument("--job", help=argparse.SUPPRESS)  # what one process measures, in JSON
    options = parser.parse_args()
    for count in options.shards:
        if count < 1:
            parser.error(f"--shards must be positive: expected >= 1, got {count}")
    if find_spec("threadpoolctl") is None:
        parser.error('threadpoolctl must be installed: pip install ".[train]"')
    return options


def run_process(**job: Any) -> dict[str, float]:
    """The bytes of one line, from a new process with BLAS at one thread."""
    command = [sys.executable, __file__, "--job", json.dumps(job)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"the process of {job} ended with status {done.returncode}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(preset: str, shards: int, mode: str) -> dict[str, float]:
    """Bytes by name; the process has done nothing else before."""
    keep_freed_memory()  # as `capstone train` does
    model, tokens = make_model(preset), make_tokens(preset)
    model.recompute = bool(MODES[mode]["recompute"])
    optimizer = AdamW(model.parameters())
    micro_batches = int(MODES[mode]["micro_batches"])
    with Shards(model, shards, micro_batches) as parts:
        optimizer.step()
        parts.compute_gradients(tokens, np.roll(tokens, -1))
        process = largest_size()
        tracemalloc.start()
        parts.compute_gradients(tokens, np.roll(tokens, -1))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    rows = -(-len(tokens) // shards // micro_batches)
    moments = [array for _, mean, square, _ in optimizer._moments for array in (mean, square)]
    return {
        "saved": shards * most_saved(model, tokens[: max(1, rows)]),
        "peak": peak,
        "process": process,
        "parameters": model.flat.data.nbytes,
        "gradients": model.flat.grad.nbytes,
        "moments": sum(array.nbytes for array in moments),
    }


def make_model(name: str) -> TrainableTransformer:
    """The preset's model."""
    return TrainableTransformer(preset(name, vocab_size=VOCABULARY))


def make_tokens(name: str) -> Array:
    """A batch of the preset."""
    shape = BATCH_SIZES[name], PRESETS[name]["seq_len"]
    return np.random.default_rng(0).integers(0, VOCABULARY, shape)  # (B, T)


def largest_size() -> int:
    """The largest resident size of this process so far, in bytes."""
    import resource  # Unix only

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT


def most_saved(model: TrainableTransformer, tokens: Array) -> int:
    """Bytes in all caches after a forward pass, and in a block that is run again."""
    model.forward(tokens)
    inputs_of_blocks = saved_in(model, model.flat.data)
    if not model.recompute:
        return inputs_of_blocks
    model.recompute = False
    model.forward(tokens)
    return inputs_of_blocks + saved_in(model.blocks[-1], model.flat.data)


def saved_in(layer: Layer, parameters: Array) -> int:
    """Bytes in the caches of a layer and its parts, each piece of memory once."""
    owners = [owner(array) for part in parts_of(layer) for array in arrays_in(part.cache)]
    found = {id(array): array.nbytes for array in owners if array is not owner(parameters)}
    return sum(found.values())


def parts_of(layer: Layer) -> Iterator[Layer]:
    """The layer and all layers within."""
    yield layer
    for _, part in layer._parts():
        if isinstance(part, Layer):
            yield from parts_of(part)


def arrays_in(saved: Any) -> Iterator[Array]:
    """All arrays inside nested tuples."""
    if isinstance(saved, np.ndarray):
        yield saved
    elif isinstance(saved, tuple):
        for part in saved:
            yield from arrays_in(part)


def owner(array: Array) -> Array:
    """The array whose memory this one is a view of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def cells(found: dict[str, float]) -> Iterable[str]:
    """The numbers of one line."""
    saved, peak, process = (found[key] / MIB for key in ("saved", "peak", "process"))
    return f"{saved:.1f}", f"{peak:.1f}", f"{peak / saved:.2f}", f"{process:.0f}"


def aligned(rows: list[tuple[str, ...]]) -> str:
    """The rows as lines of equally wide columns, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padded = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join([row[0].ljust(widths[0]), *padded[1:]]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
