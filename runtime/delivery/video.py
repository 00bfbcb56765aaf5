"""Layers for editors: a video of each, or EXR files of all, with the source's time stamps and sound."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from trt_anime.errors import InputError
from trt_anime.runtime.delivery.targets import Advance, Notify
from trt_anime.runtime.media.encoder import CODECS
from trt_anime.runtime.media.frames import ClipInfo, Pixels, Stamp
from trt_anime.runtime.media.sinks import Segment, Sink
from trt_anime.runtime.media.writers import open_sinks, write_companions
from trt_anime.runtime.results.layers import LAYERS, LayerFolder, write_layers
from trt_anime.runtime.results.reader import Results
from trt_anime.runtime.stages import Layer

FORMATS = (*CODECS, "exr")

_AHEAD = 3  # pictures that are read while others are written


def pack(
    results: Results,
    folder: Path,
    format: str,
    *,
    threads: int,
    notify: Notify = lambda sentence: None,
    advance: Advance = lambda count: None,
) -> list[Path]:
    """Write every layer of `layers.json` below `folder`; returns the videos, or the folder of EXR files.

    A layer's video lies where its pictures would, such as `stage2a_character_refine/character.mkv`. Frames
    without a picture are transparent; plates are opaque. Sound and what else a file can hold go into each
    video, the rest beside them, as `trt-anime process --format` does. EXR files are given `layers.json`
    too: it says how parts blend.

    Layers are written one after the other, so memory is that of one encoder. Every file is whole or absent;
    those finished before an error are kept.

    Args:
        format: ``ffv1``, ``prores``, ``webm`` or ``exr``.
        threads: CPU threads to use; the bytes don't depend on them.
        advance: takes how many frames of a layer were just written: in all, frames times layers
            (`work_of`).

    Raises:
        InputError: no such format, no layers, the clip isn't where it was, or a file is damaged.
        OutputError: the disk is full.
    """
    layers = results.layers.folders
    if format not in FORMATS:
        raise InputError(f"format {format}: layers can't be packed so; choose one of {', '.join(FORMATS)}")
    if not layers:
        raise InputError(f"{results.folder}: holds no layers; run `trt-anime process` with stage 2a")
    stamps, clip = _timeline(results)
    rows = [Layer(layer.name, layer.folder) for layer in layers]
    sinks = open_sinks(folder, rows, clip, format=format, threads=threads)
    for sink in sinks:
        for sentence in sink.notices:
            notify(sentence)
    named = {layer.name: layer for layer in layers}
    for sink in sinks:
        _write(sink, results, [named[name] for name in sink.layers], stamps, threads, advance)
    if format == "exr":
        write_layers(folder, results.layers)
    write_companions(folder, clip, stamps, format)
    return [sink.output for sink in sinks]


def outputs_of(results: Results, folder: Path, format: str) -> list[Path]:
    """What `pack` would write, as far as users look for it. Raises InputError."""
    with results.source() as source:
        rows = [Layer(layer.name, layer.folder) for layer in results.layers.folders]
        sinks = open_sinks(folder, rows, source.info, format=format, threads=1) if rows else []
    return [sink.output for sink in sinks] + ([folder / LAYERS] if format == "exr" else [])


def work_of(results: Results) -> int:
    """What `pack` tells `advance` in all."""
    return results.frames * len(results.layers.folders)


def _timeline(results: Results) -> tuple[list[Stamp], ClipInfo]:
    """When each frame shows. Raises InputError: the clip has fewer frames than the results."""
    stamps: list[Stamp] = []
    with results.source() as source:
        for frame in source:
            if frame.stamp.index >= results.frames:
                break
            stamps.append(frame.stamp)
        if len(stamps) < results.frames:
            raise InputError(
                f"{source.info.path}: has {len(stamps)} frames, but {results.folder} holds results of "
                f"{results.frames}; bring back the clip that was processed"
            )
        return stamps, source.info


def _write(
    sink: Sink,
    results: Results,
    layers: Sequence[LayerFolder],
    stamps: Sequence[Stamp],
    threads: int,
    advance: Advance,
) -> None:
    segment = sink.segment(0)
    try:
        with ThreadPoolExecutor(1 if sink.in_order else threads) as pool:
            for shown, pictures in _ahead(pool, segment, sink.in_order, results, layers, stamps):
                if sink.in_order:
                    segment.write(shown, pictures, None)
                advance(len(shown) * len(layers))
        sink.finish(segment.close())
    except BaseException:
        segment.abandon()
        raise
    finally:
        sink.clear()


def _ahead(
    pool: ThreadPoolExecutor,
    segment: Segment,
    in_order: bool,
    results: Results,
    layers: Sequence[LayerFolder],
    stamps: Sequence[Stamp],
) -> Iterator[tuple[list[Stamp], Mapping[str, Pixels]]]:
    """Every picture with the places in time that show it, read while those before are being written.

    Where order doesn't matter, the pool's threads write them too.
    """

    def work(fresh: int, shown: Sequence[Stamp]) -> Mapping[str, Pixels]:
        pictures = {layer.name: _picture(results, layer, fresh) for layer in layers}
        if in_order:
            return pictures
        segment.write(shown, pictures, None)
        return {}

    waiting: deque[tuple[list[Stamp], Future[Mapping[str, Pixels]]]] = deque()
    for shot in results.shots:
        for fresh in shot.fresh:
            shown = [stamps[index] for index in shot.shown_at(fresh)]
            waiting.append((shown, pool.submit(work, fresh, shown)))
            if len(waiting) > _AHEAD:
                first, done = waiting.popleft()
                yield first, done.result()
    for first, done in waiting:
        yield first, done.result()


def _picture(results: Results, layer: LayerFolder, index: int) -> Pixels:
    """uint8 [H,W,4]; all transparent where the layer has nothing in the frame. Raises InputError."""
    rgba = results.rgba(layer, index)
    if rgba is None:
        return np.zeros((*results.size, 4), np.uint8)
    if rgba.shape[:2] != results.size:
        height, width = results.size
        raise InputError(
            f"{results.folder / layer.folder}: frame {index} isn't {width}x{height} as the clip is; run "
            f"stage {layer.stage} again"
        )
    return rgba
