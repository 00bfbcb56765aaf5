"""A recipe and a manifest as a build writes them."""

import hashlib

from tests.engines.graphs import INFO
from trt_anime.engines.manifest import Manifest, Profile, Recipe

ENGINE = b"not really an engine"

RECIPE = Recipe(
    stage="matte",
    model="toy",
    graph_sha256="1" * 64,
    typed_sha256="3" * 64,
    precision="fp16",
    profile=Profile(height=64, width=96, max_batch=4),
    target="rtx-sm89",
    flavour_version="1.7.1",
    system="linux-x86_64",
    build_flags=("strongly_typed",),
    tools={"onnx": "1.23.2"},
)

MANIFEST = Manifest(
    recipe=RECIPE,
    info=INFO,
    engine_sha256=hashlib.sha256(ENGINE).hexdigest(),
    size_bytes=len(ENGINE),
    build_s=1.25,
    reproducible=True,
    graph_precision={"float16": 0.75, "float32": 0.25},
    layer_precision={"float16": 0.9, "float32": 0.1},
    product_precision={"float16": 1.0},
    attention_sums=(),
    parity=None,
    forced=False,
    created="2026-11-25T20:00:00Z",
)
