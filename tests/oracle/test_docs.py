"""The page about PyTorch and JAX says what the code says."""

from pathlib import Path

from docs_runner import shown_and_printed

PAGE = Path(__file__).parents[2] / "docs" / "verify-torch-and-jax.md"


def test_printed_outputs_are_real(monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # so that `replay` reads as outside of pytest
    shown, printed = shown_and_printed(PAGE)
    assert shown
    assert shown == printed
