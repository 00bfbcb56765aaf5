"""The whole examination: look at everything, then draw the conclusions."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from trt_anime import __version__
from trt_anime.runtime.doctor import machine
from trt_anime.runtime.doctor.asking import TIMEOUT_S, asked
from trt_anime.runtime.doctor.engines import engine_states
from trt_anime.runtime.doctor.facts import (
    Cuda,
    Facts,
    Finding,
    Flavour,
    Machine,
    Management,
    ModelState,
    OnnxRuntime,
    OpenVino,
    Probed,
    Report,
    Section,
)
from trt_anime.runtime.doctor.findings import findings_of
from trt_anime.runtime.doctor.probes import PROBES

T = TypeVar("T")


def examine(
    *,
    models: Callable[[], tuple[ModelState, ...]],
    graph_files: Callable[[], int],
    timeout_s: float = TIMEOUT_S,
) -> Report:
    """Look at this machine. Whatever fails at that becomes a finding, no exception.

    Args:
        models: gives the state of the catalogue.
        graph_files: gives the number of stage graphs on this machine.
        timeout_s: how long all libraries together may take to load.
    """
    failures: list[Finding] = []

    def guarded(section: Section, look: Callable[[], T], otherwise: T) -> T:
        try:
            return look()
        except Exception as error:
            failures.append(_failure(section, error))
            return otherwise

    with asked(*PROBES, timeout_s=timeout_s) as answers:  # the libraries load while we look elsewhere
        facts = Facts(
            machine=guarded("machine", machine.machine, Machine()),
            packages=guarded("libraries", machine.packages, {}),
            on_bus=guarded("gpu", machine.gpus_on_bus, None),
            visible_devices=os.environ.get("CUDA_VISIBLE_DEVICES"),
            models=guarded("models", models, ()),
            graph_files=guarded("graphs", graph_files, 0),
            engines=(),
            management=answers.get("management", Management),
            cuda=answers.get("cuda", Cuda),
            tensorrt=answers.get("tensorrt", Flavour),
            tensorrt_rtx=answers.get("tensorrt_rtx", Flavour),
            onnxruntime=answers.get("onnxruntime", OnnxRuntime),
            openvino=answers.get("openvino", OpenVino),
            nvdec=answers.get("nvdec", Probed),
        )
    facts = replace(facts, engines=guarded("engines", lambda: engine_states(facts), ()))
    return Report(version=__version__, facts=facts, findings=(*failures, *findings_of(facts)))


def _failure(section: Section, error: Exception) -> Finding:
    words = " ".join(str(error).split()) or type(error).__name__
    return Finding(
        section=section,
        level="problem",
        what=f"the {section} can't be looked at ({words})",
        cure="mend what it names; if that isn't yours to mend, report this sentence",
    )
