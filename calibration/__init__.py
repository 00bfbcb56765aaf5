"""Typed precision (FP16, INT8) and the metrics that judge it."""
