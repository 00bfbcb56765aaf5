"""Captions of key frames: searches over a language model that runs somewhere else."""
