"""Work of the processor for a frame. Written by `python -m benchmarks.null_chain --write`; don't edit."""

CORE_S_PER_MEGAPIXEL = 0.88
PROCESSOR = "AMD EPYC"
PRESET = "fast"
