"""A run's output folder: what lies where, written by the passes, read by everything that comes after."""
