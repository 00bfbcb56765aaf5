"""Which ONNX a graph may be written in: what TensorRT's parser doesn't check, misreads, or has no word for.

Found by giving it to the parser of TensorRT-RTX 1.7.1, which TensorRT shares. It reads opset 99 and IR
version 99 as if they were its own, looks at no domain, and takes an operator that it doesn't know for a
plugin.
"""

import re
from collections.abc import Iterator

import onnx

from trt_anime.nodes import Placed, is_own, opset_of

# As NVIDIA states them for TensorRT 11: https://docs.nvidia.com/deeplearning/tensorrt, ONNX Opset Guide.
OLDEST_OPSET, NEWEST_OPSET = 9, 25
_OLDEST_IR = 3  # the first with operator sets
_AGAIN = "export it again with opset 20"

_DEFORMABLE = re.compile(r"deform\w*_?attn|deform\w*_?attention", re.IGNORECASE)
_PLUGIN = re.compile(r"_TRT$|Plugin", re.IGNORECASE)


def unreadable(model: onnx.ModelProto) -> str:
    """What is wrong with the version that a graph is written in, and what to do; empty if nothing is."""
    opset = opset_of(model)
    if not _OLDEST_IR <= model.ir_version <= onnx.IR_VERSION:
        return (
            f"it is written in IR version {model.ir_version}, and {_OLDEST_IR} to {onnx.IR_VERSION} are"
            f" known here; {_AGAIN}, or update `onnx` if that is older than the graph"
        )
    if not opset:
        return f"it doesn't say which opset it is written in; {_AGAIN}"
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        return (
            f"it is written in opset {opset}, and TensorRT knows {OLDEST_OPSET} to {NEWEST_OPSET}: it would"
            f" read newer and older ones by those rules without a word; {_AGAIN}, or convert it with"
            " onnx.version_converter"
        )
    return ""


def misspelt(placed: Placed) -> Iterator[str]:
    """Why a node is none of ONNX's at its opset, and what to do about it; nothing if it is one."""
    node, opset = placed.node, placed.opset
    if not is_own(node.domain):
        yield f"its domain {node.domain} isn't ONNX's, and no plugins are loaded; {_instead(node.op_type)}"
    elif not onnx.defs.has(node.op_type, max_inclusive_version=opset, domain=""):
        yield _unknown(node.op_type, opset)
    else:
        yield from _malformed(node, onnx.defs.get_schema(node.op_type, opset, ""), opset)


def _unknown(name: str, opset: int) -> str:
    if onnx.defs.has(name, ""):
        since = min(
            schema.since_version
            for schema in onnx.defs.get_all_schemas_with_history()
            if schema.name == name and is_own(schema.domain)
        )
        return f"ONNX has it as of opset {since}, and this graph is of opset {opset}; {_instead(name)}"
    kind = "is a plugin, and none are loaded" if _PLUGIN.search(name) else "is no operator of ONNX"
    return f"{kind}; {_instead(name)}"


def _instead(name: str) -> str:
    if _DEFORMABLE.search(name):
        return (
            "write deformable attention with Gather, as `trt-anime export` does for Mask2Former and"
            " GroundingDINO (trt_anime.export.lowerings)"
        )
    return f"export it in ONNX's own operators, opset {OLDEST_OPSET} to {NEWEST_OPSET}"


def _malformed(node: onnx.NodeProto, schema: onnx.defs.OpSchema, opset: int) -> Iterator[str]:
    """A node of another opset than the graph claims."""
    surplus = [entry.name for entry in node.attribute if entry.name not in schema.attributes]
    if surplus:
        yield f"has no attribute {surplus[0]!r} in opset {opset}; the graph names the wrong opset, {_AGAIN}"
    if not schema.min_input <= len(node.input) <= schema.max_input:
        yield (
            f"takes {schema.min_input} to {schema.max_input} inputs in opset {opset}, and has"
            f" {len(node.input)}; the graph names the wrong opset, {_AGAIN}"
        )
