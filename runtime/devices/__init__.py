"""Where stages run: one small interface, on CUDA, on the CPU, and on nothing at all."""
