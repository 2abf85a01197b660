"""Training reaches stated figures: "the loss went down" holds for most wrong gradients too."""

import math

import numpy as np

import tolerances
from capstone.data import CharTokenizer, random_batch
from capstone.model import ModelConfig, TrainableTransformer
from capstone.optim import AdamW, WarmupCosine
from training_step import take_step

CORPUS = (
    "Speak the speech, I pray you, as I pronounced it to you, trippingly on the tongue. "
    "Suit the action to the word, the word to the action."
)


def train(positions: str, steps: int) -> tuple[TrainableTransformer, CharTokenizer, list[float]]:
    tokenizer = CharTokenizer.from_text(CORPUS)
    ids = tokenizer.encode(CORPUS)
    config = ModelConfig(
        tokenizer.vocab_size, seq_len=32, d_model=32, n_layers=2, n_heads=4, positions=positions
    )
    model = TrainableTransformer(config)
    optimizer = AdamW(model.parameters(), betas=(0.9, 0.99))
    schedule = WarmupCosine(
        optimizer, peak_lr=1e-2, min_lr=1e-3, warmup_steps=10, total_steps=steps
    )
    losses = []
    for step in range(steps):
        inputs, targets = random_batch(ids, batch_size=8, seq_len=32, seed=0, step=step)
        loss, _ = take_step(model, optimizer, inputs, targets)
        schedule.step()
        losses.append(loss)
    return model, tokenizer, losses


def test_the_first_loss_is_that_of_a_uniform_guess() -> None:
    _, tokenizer, losses = train("rope", steps=12)
    assert abs(losses[0] - math.log(tokenizer.vocab_size)) <= tolerances.UNIFORM_GUESS


def test_a_memorized_corpus_reaches_its_floor_and_is_recited() -> None:
    model, tokenizer, losses = train("rope", steps=250)
    assert np.mean(losses[-20:]) <= tolerances.MEMORIZED_LOSS
    prompt = CORPUS[:12]
    written = model.generate(
        tokenizer.encode(prompt), max_new_tokens=len(CORPUS) - 12, temperature=0
    )
    assert prompt + tokenizer.decode(written) == CORPUS


def test_without_positions_the_causal_mask_still_suffices() -> None:
    _, _, losses = train("none", steps=250)
    assert np.mean(losses[-20:]) <= tolerances.MEMORIZED_LOSS_NO_POSITIONS
