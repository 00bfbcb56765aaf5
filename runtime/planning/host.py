"""Work of the processor for a frame. Written by `python -m benchmarks.null_chain --write`; don't edit."""

CORE_S_PER_MEGAPIXEL = 1.0
PROCESSOR = "AMD EPYC"
