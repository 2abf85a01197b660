"""Continue a prompt with a trained model, streaming to the terminal."""

import argparse

from capstone._checks import fail
from capstone.generate import opening, stream
from capstone.run_folder import load_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `capstone generate`."""
    parser.add_argument("run_path", metavar="RUN", help="a run's folder, or a checkpoint in it")
    parser.add_argument("--prompt", metavar="TEXT", help="what to continue (default: a new line)")
    parser.add_argument(
        "--max-new-tokens", type=int, metavar="N", default=300, help="length (default: 300)"
    )
    parser.add_argument(
        "--temperature",
        type=float,
        metavar="X",
        default=0.8,
        help="0 always takes the likeliest character, 1 samples from the model as it is "
        "(default: 0.8)",
    )
    parser.add_argument(
        "--top-k", type=int, metavar="K", help="sample among the K likeliest characters"
    )
    parser.add_argument(
        "--top-p",
        type=float,
        metavar="P",
        help="sample among the likeliest that together reach the probability P",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", default=0, help="of the sampling (default: 0)"
    )
    parser.add_argument("--stop", default="", metavar="CHARACTERS", help="any of these ends it")
    parser.add_argument(
        "--replacement", metavar="CHARACTER", help="stands in for unknown ones in the prompt"
    )


def run(options: argparse.Namespace) -> int:
    """Print the prompt and its continuation, character by character."""
    if options.prompt == "":
        rule = "the prompt must not be empty"
        fail("--prompt", rule, expected="at least one character", got="none")
    model, tokenizer = load_run(options.run_path)
    prompt = opening(tokenizer.characters) if options.prompt is None else options.prompt
    tokens = stream(
        model.remembering(),
        tokenizer.encode(prompt, replacement=options.replacement),
        context=model.config.seq_len,
        max_new_tokens=options.max_new_tokens,
        temperature=options.temperature,
        top_k=options.top_k,
        top_p=options.top_p,
        seed=options.seed,
        stop=tokenizer.encode(options.stop).tolist(),
    )
    print(prompt, end="", flush=True)
    for token in tokens:
        print(tokenizer.characters[token], end="", flush=True)
    print()
    return 0
