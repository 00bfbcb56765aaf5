"""Parts of `python -m benchmarks.gpu_check`. They need NumPy and cuda-python, and import the rest late."""
