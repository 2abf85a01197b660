"""The whole language model: embedding, blocks, norm, head."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from capstone._checks import check_axes, check_choice, check_ids, check_positive, fail
from capstone._typing import Array
from capstone.errors import ConfigError
from capstone.generate import stream, stream_batch
from capstone.layers import Embedding, Head, Layer, RMSNorm, TransformerBlock
from capstone.layers.initialize import generator, normal
from capstone.ops.attention import POSITIONS
from capstone.ops.past import Past
from capstone.parameter import pack

INITIAL_STD = 0.02  # Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"


@dataclass(frozen=True)
class ModelConfig:
    """What a model is made of.

    Args:
        vocab_size: V, number of different tokens.
        seq_len: longest context in tokens.
        d_model: D, width of the residual stream.
        n_layers: number of blocks.
        n_heads: H, a divisor of D.
        d_ff: F, width inside the feed-forward network; 0 for 8/3 D rounded up to a multiple of 8,
            which gives the gated network as many weights as an ungated one of width 4 D.
        positions: "rope", or "none" for a model that learns order from the causal mask alone.
        tied: whether the head shares the embedding's table.

    Raises:
        ConfigError: a size below 1, a width that the heads do not divide, unknown positions.
    """

    vocab_size: int
    seq_len: int = 64
    d_model: int = 128
    n_layers: int = 4
    n_heads: int = 4
    d_ff: int = 0
    positions: str = "rope"
    tied: bool = True

    def __post_init__(self) -> None:
        sizes = {name: getattr(self, name) for name in ("vocab_size", "seq_len", "d_model")}
        sizes |= {"n_layers": self.n_layers, "n_heads": self.n_heads}
        check_positive("ModelConfig", ConfigError, **sizes)
        check_choice("ModelConfig", "positions", self.positions, POSITIONS, ConfigError)
        step = 2 * self.n_heads if self.positions == "rope" else self.n_heads
        if self.d_model % step:
            each = "an even width for each" if self.positions == "rope" else "an equal width"
            rule = f"d_model must give the {self.n_heads} heads {each}"
            expected, got = f"d_model % {step} == 0", f"d_model = {self.d_model}"
            fail("ModelConfig", rule, expected=expected, got=got, error=ConfigError)
        if self.d_ff == 0:
            object.__setattr__(self, "d_ff", -(-self.d_model * 8 // 24) * 8)
        check_positive("ModelConfig", ConfigError, d_ff=self.d_ff)


class TrainableTransformer(Layer):
    """A decoder-only transformer whose backward pass is written by hand.

    Args:
        config: sizes and choices.
        seed: for the initial weights.
        dtype: float32 for training, float64 for verification.
    """

    def __init__(
        self, config: ModelConfig, *, seed: int = 0, dtype: npt.DTypeLike = np.float32
    ) -> None:
        D, V = config.d_model, config.vocab_size
        rng = generator(seed)
        # every block adds two branches to the stream: keep its variance at depth (GPT-2)
        out_std = INITIAL_STD / math.sqrt(2 * config.n_layers)
        self.config = config
        self.embedding = Embedding(V, D, seed=rng, std=INITIAL_STD, dtype=dtype)
        self.blocks = [
            TransformerBlock(
                D,
                config.n_heads,
                config.d_ff,
                positions=config.positions,
                seed=rng,
                std=INITIAL_STD,
                out_std=out_std,
                dtype=dtype,
            )
            for _ in range(config.n_layers)
        ]
        self.norm = RMSNorm(D, dtype=dtype)
        tied = self.embedding.weight
        self.head = Head(tied if config.tied else normal(rng, V, D, std=INITIAL_STD, dtype=dtype))
        for name, parameter in self.named_parameters():
            parameter.name = name
        self.flat = pack(self.parameters())

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Copies and pickles hold separate arrays: pack them again."""
        vars(self).update(state)
        self.flat = pack(self.parameters())

    @property
    def recompute(self) -> bool:
        """Whether blocks keep their input alone; see `TransformerBlock.recompute`. May be set."""
        return all(block.recompute for block in self.blocks)

    @recompute.setter
    def recompute(self, value: bool) -> None:
        """All blocks alike."""
        for block in self.blocks:
            block.recompute = value

    def forward(self, tokens: Array) -> Array:
        """(..., T) integers to logits (..., T, V).

        Raises:
            UsageError: tokens that are no integers, out of range, or more than `seq_len` in a row.
        """
        check_ids("TrainableTransformer.forward", "tokens", tokens, self.config.vocab_size)
        check_axes("TrainableTransformer.forward", "tokens", tokens, "T")
        if not 1 <= tokens.shape[-1] <= self.config.seq_len:
            rule = "the context must hold between one token and seq_len tokens"
            expected = f"1 <= T <= {self.config.seq_len}"
            got = f"T = {tokens.shape[-1]}"
            fail("TrainableTransformer.forward", rule, expected=expected, got=got)
        x = self.embedding.forward(tokens)  # (..., T, D)
        for block in self.blocks:
            x = block.forward(x)  # (..., T, D)
        return self.head.forward(self.norm.forward(x))  # (..., T, V)

    def backward(self, grad_logits: Array) -> None:
        """(..., T, V); adds to the gradients of all parameters. Tokens have no gradient."""
        dx = self.norm.backward(self.head.backward(grad_logits))  # (..., T, D)
        for block in reversed(self.blocks):
            dx = block.backward(dx)  # (..., T, D)
        self.embedding.backward(dx)

    def infer(self, tokens: Array) -> Array:
        """`forward` for evaluation and generation: keeps nothing for a backward pass."""
        return self.reader().forward(tokens)

    def remembering(self) -> "Remembering":
        """`infer` that keeps keys and values, for contexts that grow token by token."""
        return Remembering(self)

    def count_parameters(self) -> int:
        """Number of learned values; shared ones count once."""
        return sum(parameter.data.size for parameter in self.parameters())

    def generate(
        self,
        prompt: Array,
        *,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
        stop: Collection[int] | None = None,
    ) -> Array:
        """Continue a prompt; see `capstone.generate.stream`.

        Args:
            prompt: (T,) integers, at least one.
            max_new_tokens: at most this many tokens are added.
            temperature: 0 picks the likeliest token, 1 samples from the model as it is.
            top_k: sample among the k likeliest only.
            top_p: sample among the likeliest that together reach this probability.
            seed: of the sampling.
            stop: tokens that end the text; they are not part of the result.

        Returns:
            The new tokens, at most (max_new_tokens,).
        """
        tokens = stream(
            self.remembering(),
            prompt,
            context=self.config.seq_len,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            stop=stop,
        )
        return np.fromiter(tokens, dtype=np.int64)

    def generate_batch(
        self,
        prompts: Array,
        *,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 0,
        stop: Collection[int] | None = None,
    ) -> list[Array]:
        """Continue several prompts together, in less time than one after the other.

        Args:
            prompts: (B, T) integers: prompts of one length.
            max_new_tokens: see `generate`, as for all others.
            temperature: see `generate`.
            top_k: see `generate`.
            top_p: see `generate`.
            seed: row b is sampled as `generate` samples it with `seed + b`.
            stop: tokens that end a row.

        Returns:
            The new tokens of each prompt, at most (max_new_tokens,).
        """
        rows = stream_batch(
            self.remembering(),
            prompts,
            context=self.config.seq_len,
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
            stop=stop,
        )
        texts: list[list[int]] = [[] for _ in prompts]
        for row in rows:
            for text, token in zip(texts, row, strict=True):
                text.extend(() if token is None else (token,))
        return [np.array(text, dtype=np.int64) for text in texts]


class Remembering:
    """A model that reads on where it stopped, if a context only got longer since the last call.

    Then the new tokens alone go through it, and look at the keys and values of the old ones. Any
    other context, such as a window that slides, is read from the start.

    Args:
        model: whose parameters stay the same meanwhile.
    """

    def __init__(self, model: TrainableTransformer) -> None:
        self._reader = model.reader()
        self._attentions = [block.attention for block in self._reader.blocks]
        for attention in self._attentions:
            attention.past, attention.reads_on = None, True
        self._tokens: Array = np.zeros((0, 0), int)  # (..., T0) that have been read

    def __call__(self, tokens: Array) -> Array:
        """(..., T) integers to the logits of the tokens that are new, (..., at least 1, V)."""
        known = self._tokens.shape[-1]
        goes_on = (
            0 < known < tokens.shape[-1] <= self._reader.config.seq_len
            and tokens.shape[:-1] == self._tokens.shape[:-1]
            and np.array_equal(tokens[..., :known], self._tokens)
        )
        pasts = [attention.past for attention in self._attentions]
        try:
            if not goes_on:
                known = 0
                self._set_pasts([None] * len(pasts))
            logits = self._reader.forward(tokens[..., known:])
        except BaseException:  # what has been read stays known
            self._set_pasts(pasts)
            raise
        self._tokens = tokens.copy()
        return logits

    def _set_pasts(self, pasts: Sequence[Past | None]) -> None:
        for attention, past in zip(self._attentions, pasts, strict=True):
            attention.past = past
