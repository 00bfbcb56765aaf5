"""Costs of runs of stage graphs. Written by `python -m benchmarks.graph_costs`; don't edit.

A line is a graph at a frame size: model, graph, the frame's rows, millions of bytes of weights and of the
most that a run held besides; then kinds of operators: how many, millions of operations, millions of bytes.
"""

from trt_anime.runtime.planning.costs import costs_from_lines

# fmt: off
_LINES = """
modnet matte 720 25.85 158.8 | fused 212 162 1328 | math 9 96.67 124.1 | math 17 344.1 150 | math 6 363.3 74.32 | math 7 1321 149.6 | math 6 506.5 37.3 | math 15 2362 73.61 | math 11 1.027e+04 175.2 | math 7 2.547e+04 206.8 | math 2 2569 11.42 | math 1 1.101e+04 22.15 | moved 138 216.5 1722
modnet matte 1080 25.85 172 | fused 222 200.6 1664 | math 9 98.4 126.4 | math 17 398.6 169.9 | math 6 523 111.8 | math 7 1321 149.6 | math 6 506.5 37.3 | math 15 2362 73.61 | math 11 1.027e+04 175.2 | math 7 2.547e+04 206.8 | math 2 2569 11.42 | math 1 1.101e+04 22.15 | moved 141 258.3 2134
u2netp matte 720 4.512 156.9 | fused 258 93.28 837.8 | math 3 2.619 4.729 | math 4 44.28 16.45 | math 10 285.6 65.78 | math 20 362.6 27.87 | math 53 505 14.25 | math 25 5987 106.3 | math 11 1.268e+04 123.4 | math 3 1.982e+04 104.1 | moved 183 85.81 747.6
u2netp matte 1080 4.512 166.9 | fused 268 133.4 1186 | math 3 4.351 7.042 | math 4 98.74 36.42 | math 10 445.4 103.2 | math 20 362.6 27.87 | math 53 505 14.25 | math 25 5987 106.3 | math 11 1.268e+04 123.4 | math 3 1.982e+04 104.1 | moved 186 131.9 1194
"""  # noqa: E501
# fmt: on

COSTS = tuple(costs_from_lines(_LINES.splitlines()))
