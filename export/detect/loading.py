"""The published weights in transformers' network."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import GroundingDinoConfig, GroundingDinoForObjectDetection
from transformers.utils import logging as transformers_logging

from trt_anime.errors import CheckpointError
from trt_anime.export.catalogue import Model


def network_from_checkpoint(
    model: Model, path: Path, config: GroundingDinoConfig
) -> GroundingDinoForObjectDetection:
    """The network with the weights of `path`, which has the published names, in eval mode.

    Raises:
        CheckpointError: not a readable .safetensors file, or not exactly this network's weights.
    """
    again = f"run `trt-anime models pull {model.name} --force`"
    if path.suffix != ".safetensors":
        raise CheckpointError(f"{path}: {model.name} is published as .safetensors; {again}")
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged, or no .safetensors file; {again}") from error
    loader: Any = GroundingDinoForObjectDetection  # its annotation doesn't know of the report
    with quiet_transformers():
        network, report = loader.from_pretrained(
            None,
            config=config,
            state_dict=tensors,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are reported with the others
            attn_implementation="eager",
        )
    wrong = _complaints(report)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise CheckpointError(
            f"{path} does not hold the weights of {model.name}: {wrong[0]}{more}; {again}"
        )
    result: GroundingDinoForObjectDetection = network.eval().requires_grad_(False)
    return result


def _complaints(report: Mapping[str, Any]) -> list[str]:
    shapes = [
        f"'{name}' has the shape {tuple(found)}, expected {tuple(expected)}"
        for name, found, expected in sorted(report["mismatched_keys"])
    ]
    missing = [f"'{name}' is missing" for name in sorted(report["missing_keys"])]
    surplus = [f"'{name}' is unexpected" for name in sorted(report["unexpected_keys"])]
    return [*shapes, *missing, *surplus, *report["error_msgs"]]


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """It prints a table of what didn't fit, which is told in one sentence here, and bars."""
    logging: Any = transformers_logging
    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
