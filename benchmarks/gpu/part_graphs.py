"""What the chain's stages run: weights, real or random in the published layout, and the graphs of them."""

from functools import partial

from benchmarks.gpu.findings import Seen
from benchmarks.gpu.running import Context, Step

# Model -> the stage it is of, as `benchmarks.chain.stages` has it, which needs more than this does.
MODELS = {
    "u2netp": "2a",
    "mobile-sam": "1",
    "dinov2-s": "4",
    "lama": "2c",
    "clipseg": "2b",
    "xmem": "3",
    "blip-base": "4",
    "mask2former-tiny": "1",
}
# Seconds without which an export isn't begun.
_EXPORT_S, _LONG_EXPORT_S = 60.0, {"mask2former-tiny": 240.0}


def steps(context: Context) -> list[Step]:
    """In a rehearsal only the smallest."""
    models = list(MODELS)[:1] if context.rehearsal else list(MODELS)
    return [
        Step(model, partial(brought, model), least_s=_LONG_EXPORT_S.get(model, _EXPORT_S))
        for model in models
    ]


def brought(model: str) -> Seen:
    """Raises DownloadError, ModuleNotFoundError: they can't be had here."""
    from benchmarks.model_weights import bring_weights
    from trt_anime.export import catalogue, checkpoints, graphs

    row = catalogue.get(model)
    before = graphs.existing(row)
    weights = bring_weights(row)
    made = graphs.ensure(model)
    names = ", ".join(path.name for path in made.values())
    kind = "published" if checkpoints.stored(row)[weights].published else "random or imported"
    return Seen(f"{kind} weights; {names}{'' if before else ', made here'}")
