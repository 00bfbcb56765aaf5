"""TensorRT's engines of a network in each precision."""

from benchmarks.gpu.findings import Seen, StepError, Table
from benchmarks.gpu.precision import engine_parity
from benchmarks.gpu.running import Context, Step
from trt_anime.errors import EngineError


def steps(context: Context) -> list[Step]:
    return [Step("engine parity", _proved, least_s=240)]


def _proved() -> Seen:
    tables: list[Table] = []
    try:
        words = engine_parity(tables)
    except EngineError as error:
        raise StepError(str(error), tables) from error
    return Seen(words, tuple(tables))
