"""The network that a GPU is checked with: the smallest whose real weights a package registry has."""

MODEL = "u2netp"
