"""Networks that ran beside stage 2a's, each by itself: its layers, and what it reaches of the ceilings."""

from trt_anime.errors import TrtAnimeError
from trt_anime.runtime.options import ProcessOptions
from trt_anime.runtime.passes.networks import FilesOf, Networks
from trt_anime.runtime.passes.record import ChainRecord
from trt_anime.runtime.passes.table import MATTE
from trt_anime.runtime.planning.counting import example_inputs
from trt_anime.runtime.profiling.alone import Alone, measure


def measure_networks(found: Alone, options: ProcessOptions, record: ChainRecord, files: FilesOf) -> None:
    """Into `found`, on grey frames and zeros, which take as long as others; by stage, model and graph.

    Args:
        options: of the run.
        record: says which networks ran.
        files: gives their graphs.
    """
    size = int(record.input["height"]), int(record.input["width"])
    networks = Networks(options, size=size, files=files, notify=lambda sentence: None)
    ran = dict.fromkeys(
        (str(row["stage"]), str(row["model"]), str(row["graph"]))
        for one in record.passes
        if one.name != MATTE
        for row in one.networks
        if row["runs"]
    )
    for stage, model, graph in ran:
        name, path = f"{stage} {model} {graph}", files(model).graphs[graph]
        try:
            examples = example_inputs(path, size=size)
            with networks.sessions(model, graph, stage=stage) as (device, sessions):
                session = sessions[graph]
                wanted = {binding.name for binding in session.inputs}
                inputs = {key: array for key, array in examples.items() if key in wanted}
                measure(found, name, session, device, inputs, path)
        except TrtAnimeError as error:
            found.notices.append(f"stage {name}: could not be opened by itself ({error})")
