"""Where it goes wrong: between taps, in a layer, or on the other side of an oracle."""
