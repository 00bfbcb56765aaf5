"""`trt-anime search`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trt_anime.cli.progress import note
from trt_anime.errors import InputError, MissingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trt_anime.export.catalogue import Model
    from trt_anime.runtime.annotation.embeddings import Embeddings
    from trt_anime.runtime.annotation.networks import Runner
    from trt_anime.runtime.annotation.search import Hit
    from trt_anime.runtime.annotation.store import Annotation
    from trt_anime.runtime.text.embeddings import Vectors

_LONGEST_NAME = 256  # characters from which on a text can't name a file, and to ask raises


def search(
    output: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that `process` annotated.")],
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="What to look for.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture to look for, instead of a text.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Frames to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Find frames of an annotated clip by a text or by a picture."""
    from trt_anime.runtime.annotation.store import read_annotation
    from trt_anime.runtime.output import is_made_up, made_up
    from trt_anime.runtime.results.places import ANNOTATION

    if (image is None) == (not (text or "").strip()):
        raise InputError("give a text to search for, or --image with a picture: one of the two")
    if text and len(text) < _LONGEST_NAME and Path(text).is_file():
        raise InputError(
            f"{text}: is a file, and would be searched for as words; give a picture by --image"
        )
    if is_made_up(output):
        raise InputError(made_up(output))
    annotation = read_annotation(output / ANNOTATION)
    hits, by = _by_image(annotation, image, top) if image else _by_text(annotation, text or "", top)
    print(_as_json(hits, by) if as_json else _as_table(hits))


def _by_text(annotation: "Annotation", text: str, top: int) -> "tuple[list[Hit], str]":
    """By CLIP, or, with a note that says why, by the words of tags and captions."""
    from trt_anime.runtime.annotation.search import by_words

    try:
        embeddings = _embeddings(annotation, "clip")
        vector = _vector_of_text(embeddings, text)
    except MissingError as error:
        note(f"looked for the words in tags and captions only: {error}")
        return by_words(annotation.folder, text, top), "words"
    return _nearest(annotation, embeddings, vector, top), embeddings.model


def _by_image(annotation: "Annotation", image: Path, top: int) -> "tuple[list[Hit], str]":
    """By DINOv2 where the folder has its vectors and it is here, else by CLIP."""
    from trt_anime.runtime.results.planes import read_rgba

    if not image.is_file():
        raise InputError(f"{image}: does not exist; give a picture, such as a PNG or JPEG file")
    try:
        picture = read_rgba(image)[..., :3]
    except InputError as error:
        raise InputError(f"{image}: can't be read as a picture; give a PNG or JPEG file") from error
    known = [name for name in ("dino", "clip") if name in annotation.embeddings] or ["clip"]
    missing: list[str] = []
    for name in known:
        try:
            embeddings = _embeddings(annotation, name)
            vector = _vector_of_picture(embeddings, picture)
        except MissingError as error:
            missing.append(str(error))
            continue
        for sentence in missing:
            note(f"looked with {embeddings.model} instead: {sentence}")
        return _nearest(annotation, embeddings, vector, top), embeddings.model
    raise MissingError("; ".join(missing))


def _embeddings(annotation: "Annotation", name: str) -> "Embeddings":
    if name not in annotation.embeddings:
        raise MissingError(
            f"{annotation.folder}: holds no vectors of CLIP; run `trt-anime models pull clip-b32` and"
            " annotate the clip again with `trt-anime process`"
        )
    return annotation.embeddings[name]


def _nearest(
    annotation: "Annotation", embeddings: "Embeddings", vector: "Vectors", top: int
) -> "list[Hit]":
    from trt_anime.runtime.annotation.search import by_vector
    from trt_anime.runtime.cores import usable_cores

    return by_vector(annotation.folder, embeddings, vector, top, threads=usable_cores(), notify=note)


def _vector_of_text(embeddings: "Embeddings", text: str) -> "Vectors":
    from trt_anime.export.recipes.embed import Embedding
    from trt_anime.runtime.annotation.networks import TextEncoder, unit
    from trt_anime.runtime.text.tokenizer import Tokenizer

    row, checkpoint = _weights_of(embeddings)
    context = row.recipe_as(Embedding).context or 0
    tokenizer = Tokenizer.from_file(checkpoint.with_name("tokenizer.json"), context=context)
    with _running(row, embeddings, "embed_text", {"ids": (1, context)}) as facts:
        vectors = TextEncoder(**facts, tokenizer=tokenizer).vectors([text])
    return unit(vectors[0])


def _vector_of_picture(embeddings: "Embeddings", picture: "NDArray[Any]") -> "Vectors":
    import numpy as np

    from trt_anime.runtime.annotation.networks import PictureEncoder, unit

    row, _ = _weights_of(embeddings)
    frame = np.ascontiguousarray(picture)
    with _running(row, embeddings, "embed", {"frame": (1, *frame.shape)}) as facts:
        vectors = PictureEncoder(**facts).vectors([frame])
    return unit(vectors[0])


def _weights_of(embeddings: "Embeddings") -> "tuple[Model, Path]":
    """The network's row and its weights. A search fetches none: it should not take minutes by surprise."""
    from trt_anime.export import catalogue, checkpoints

    row = catalogue.get(embeddings.model)
    checkpoint = checkpoints.find(row)
    if checkpoint is None:
        raise MissingError(
            f"{row.name}, which made this folder's vectors, isn't on this machine; run"
            f" `trt-anime models pull {row.name}`"
        )
    return row, checkpoint


@contextmanager
def _running(
    row: "Model", embeddings: "Embeddings", graph: str, shapes: dict[str, tuple[int, ...]]
) -> "Iterator[dict[str, Any]]":
    """What an encoder is made of: the graph on the CPU, and whose it is.

    Raises InputError: it is another network than the one that made the vectors.
    """
    from trt_anime.cli.models import console_report
    from trt_anime.export import graphs
    from trt_anime.runtime.annotation.networks import Encoder
    from trt_anime.runtime.annotation.search import require_same
    from trt_anime.runtime.cores import usable_cores
    from trt_anime.runtime.devices.host import HostDevice
    from trt_anime.runtime.sessions.ort_cpu import OrtCpuSession
    from trt_anime.runtime.sessions.running import Running

    path = graphs.ensure(row.name, report=console_report())[graph]
    with (
        HostDevice() as device,
        OrtCpuSession(path, device, threads=usable_cores(), name="search") as session,
        Running(session, device, shapes) as running,
    ):
        run: Runner = running
        facts: dict[str, Any] = {
            "model": session.info.model,
            "checkpoint_sha256": session.info.checkpoint_sha256,
            "graph_sha256": session.origin.sha256,
            "run": run,
        }
        require_same(embeddings, Encoder(**facts))
        yield facts


def _as_json(hits: "list[Hit]", by: str) -> str:
    rows = [
        {
            "frame": hit.row.frame,
            "time": hit.row.time,
            "shot": hit.row.shot,
            "held": hit.row.held,
            "score": round(hit.score, 5),
            "by": by,
            "caption": hit.row.caption,
            "tags": [tag.name for tag in hit.row.tags or ()],
        }
        for hit in hits
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False)


def _as_table(hits: "list[Hit]") -> str:
    from trt_anime.cli.table import table

    if not hits:
        return "no frame was found"
    rows = [
        (
            str(hit.row.frame),
            _clock(hit.row.time),
            str(hit.row.shot),
            f"{hit.score:.3f}",
            hit.row.caption or ", ".join(tag.name for tag in (hit.row.tags or ())[:6]),
        )
        for hit in hits
    ]
    return table(("FRAME", "TIME", "SHOT", "SCORE", "WHAT IT SHOWS"), rows)


def _clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    thousandths = round(max(0.0, seconds) * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest / 1000:06.3f}"
