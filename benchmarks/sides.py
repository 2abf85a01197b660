"""What one process of `compare_torch.py` times: one side of one preset, or the machine's peak.

Its argument is a job in JSON, and it prints one line of JSON: the median seconds of each part.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDES = ("numpy", "torch", "compile")
PEAK = "peak"
TRAINING_PARTS = ("gradients", "optimizer", "step")
GENERATED = 256  # tokens
WARM_UP_STEPS, FEWEST = 3, 3
TESTS = Path(__file__).resolve().parent.parent / "tests"
Call = Callable[[], object]


def main() -> None:
    """Do the job."""
    sys.path.insert(0, str(TESTS))
    print(json.dumps(measure(json.loads(sys.argv[1]))))


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """Seconds by part, operations a second of the peak, or the failure of the compiler."""
    if job["side"] == PEAK:
        return {PEAK: measure_peak()}
    time_training = time_numpy_training if job["side"] == "numpy" else time_torch_training
    found: dict[str, Any] = time_training(job) if set(job["parts"]) & set(TRAINING_PARTS) else {}
    for part, call in generations(job).items():
        call()
        found[part] = statistics.median(durations(call, job["seconds"]))
    return found


def measure_peak(size: int = 2048, repeats: int = 7) -> float:
    """Floating-point operations a second of a float32 matrix product, the best of a few."""
    import numpy as np

    a, b = np.random.default_rng(0).random((2, size, size), dtype=np.float32)
    a @ b  # the threads of BLAS start
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def time_numpy_training(job: dict[str, Any]) -> dict[str, float]:
    """The parts of our step, in shards."""
    from training import make_numpy_parts

    from capstone.shards import Shards

    model, tokens, targets = batch_of(job["preset"])
    with Shards(model, job["threads"]) as shards:
        return time_parts(*make_numpy_parts(model, shards, tokens, targets), job["seconds"])


def time_torch_training(job: dict[str, Any]) -> dict[str, Any]:
    """The parts of PyTorch's step."""
    from training_torch import CompilerError, make_torch_parts

    is_compiled = job["side"] == "compile"
    options = {"threads": job["threads"], "is_compiled": is_compiled}
    try:
        parts = make_torch_parts(*batch_of(job["preset"]), **options)
    except CompilerError as error:
        return {"failure": str(error)}
    return time_parts(*parts, job["seconds"])


def batch_of(name: str) -> tuple[Any, Any, Any]:
    """The preset's model, tokens and targets (B, T)."""
    import numpy as np
    from sizes import MODEL_SIZES

    from capstone.model import ModelConfig, TrainableTransformer

    (case,) = (case for case in MODEL_SIZES if case.variant == name)
    (tokens,) = case.inputs()
    return TrainableTransformer(ModelConfig(**case.options)), tokens, np.roll(tokens, -1)


def time_parts(gradients: Call, optimizer: Call, seconds: float) -> dict[str, float]:
    """Medians over the steps that fit into `seconds`, each taken whole and in its two parts."""
    for _ in range(WARM_UP_STEPS):
        gradients()
        optimizer()
    steps: list[tuple[float, float, float]] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(steps) < FEWEST:
        start = time.perf_counter()
        gradients()
        between = time.perf_counter()
        optimizer()
        stop = time.perf_counter()
        steps.append((between - start, stop - between, stop - start))
    columns = zip(TRAINING_PARTS, zip(*steps, strict=True), strict=True)
    return {part: statistics.median(column) for part, column in columns}


def generations(job: dict[str, Any]) -> dict[str, Call]:
    """The parts of generation that this side has, each a call that makes `GENERATED` tokens."""
    if "generation" not in job["parts"] or job["side"] == "compile":
        return {}
    from generation import make_model, make_numpy_generation, make_uncached_generation

    model = make_model(job["preset"], GENERATED)
    if job["side"] == "numpy":
        cached, uncached = make_numpy_generation, make_uncached_generation
        return {"generation": cached(model, GENERATED), "no cache": uncached(model, GENERATED)}
    from generation_torch import make_torch_generation

    generate = make_torch_generation(model, GENERATED, threads=job["threads"])
    ours, theirs = make_numpy_generation(model, GENERATED)().tolist(), generate()
    if ours != theirs:
        first = next(i for i, pair in enumerate(zip(ours, theirs, strict=True)) if len({*pair}) > 1)
        raise RuntimeError(f"both sides must generate the same text; token {first} differs")
    return {"generation": generate}


def durations(call: Call, seconds: float) -> list[float]:
    """The seconds of each of the calls that fit into `seconds`."""
    found: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(found) < FEWEST:
        start = time.perf_counter()
        call()
        found.append(time.perf_counter() - start)
    return found


if __name__ == "__main__":
    main()
