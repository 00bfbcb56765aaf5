"""What the source has beside its picture: in the video where that holds it, else beside it, never lost."""

import heapq
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import AttachmentStream, Disposition
from av.video.stream import VideoStream

from tests.runtime.media import picture, tree
from tests.runtime.sinks import (
    CHARACTER,
    clip_info,
    files,
    make_output,
    one_sink,
    rgba,
    stamps_of,
    write_all,
)
from trt_anime.errors import InputError, OutputError
from trt_anime.runtime.media import remux
from trt_anime.runtime.media.frames import ClipInfo, Stamp
from trt_anime.runtime.media.writers import open_sinks, write_companions

FRAMES = 24
FONT = bytes(range(256)) * 40
CHAPTERS = [("Öffnung", 0, 400), ("終わり", 400, 1001)]

Facts = tuple[int | None, int | None, bytes]


def film(
    path: Path,
    *,
    sound: Sequence[tuple[str, str]] = (("aac", "jpn"), ("flac", "eng")),
    subtitles: str | None = "subrip",
    font: bool = True,
    chapters: bool = True,
    sound_begins: int = 0,
    timecode: str | None = None,
) -> ClipInfo:
    """A second of film, with sound (codec and language), subtitles, a font, chapters and tags."""
    exact = {"movie_timescale": "48000"} if path.suffix == ".mov" else {}
    with av.open(str(path), "w", container_options=exact) as container:
        container.metadata.update({"title": "First Light", "artist": "Someone", "STUDIO": "Some"})
        video = container.add_stream("libx264", rate=Fraction(24000, 1001))
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        video.codec_context.time_base = Fraction(1001, 24000)
        video.metadata["title"] = "Picture"
        if timecode:
            video.metadata["timecode"] = timecode
        tracks = [_sound_track(container, codec, language) for codec, language in sound]
        text = container.add_mux_stream(subtitles) if subtitles else None
        if text is not None:
            text.time_base = Fraction(1, 1000)
            text.metadata.update({"language": "ger", "title": "Untertitel"})
            text.disposition = Disposition.forced
        if font:
            container.add_attachment("line.ttf", "application/x-truetype-font", FONT)
        if chapters:
            container.set_chapters([_chapter(n, *facts) for n, facts in enumerate(CHAPTERS)])
        container.start_encoding()
        for index in range(FRAMES):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        container.mux(video.encode(None))
        for number, track in enumerate(tracks):
            _encode_sound(container, track, pitch=number + 3, begin=sound_begins)
        if text is not None:
            for at in (100, 600):
                container.mux(_line(text, at, f"Zeile {at}", subtitles == "mov_text"))
    return clip_info(path=path)


def _chapter(number: int, title: str, start: int, end: int) -> Any:
    base = Fraction(1, 1000)
    return {"id": number + 1, "start": start, "end": end, "time_base": base, "metadata": {"title": title}}


def _sound_track(container: Any, codec: str, language: str) -> Any:
    track = container.add_stream(codec, rate=48000)
    track.layout = "stereo"
    track.metadata["language"] = language
    track.disposition = Disposition.default if language == "jpn" else Disposition.comment
    return track


def _encode_sound(container: Any, track: Any, *, pitch: int, begin: int) -> None:
    step = 960
    for at in range(0, 48000, step):
        wave = np.sin(np.arange(at, at + step) * pitch / 100) * 20000
        samples = wave.astype(np.int16).repeat(2)[None]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="s16", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, begin + at, Fraction(1, 48000)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def _line(stream: Any, at: int, words: str, with_length: bool) -> Any:
    data = words.encode()
    packet = av.Packet((len(data).to_bytes(2, "big") if with_length else b"") + data)
    packet.stream, packet.time_base = stream, Fraction(1, 1000)
    packet.pts = packet.dts = at
    packet.duration, packet.is_keyframe = 300, True
    return packet


def kinds_of(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams if stream.type not in ("video", "data")]


def packets(path: Path, kind: str) -> list[list[tuple[Any, ...]]]:
    """For every stream of a kind: bytes, time, duration in seconds, and what else hangs on its packets."""
    with av.open(str(path), metadata_errors="replace") as container:
        wanted = [stream for stream in container.streams if stream.type == kind]
        found: dict[int, list[tuple[Any, ...]]] = {stream.index: [] for stream in wanted}
        for packet in container.demux(wanted):
            if packet.size:
                base, sides = packet.time_base, [(s.data_type, bytes(s)) for s in packet.iter_sidedata()]
                at = None if packet.pts is None else packet.pts * base
                found[packet.stream_index].append((bytes(packet), at, (packet.duration or 0) * base, sides))
    return list(found.values())


def lines_of(path: Path) -> list[tuple[Any, ...]]:
    """MP4's subtitles; between them its muxer puts empty ones, which end those before."""
    lines = [packet for packet in packets(path, "subtitle")[0] if packet[0] != bytes(2)]
    assert len(lines) == 2
    return lines


def sound(path: Path, number: int = 0) -> tuple[Fraction, bytes]:
    """Where a track's first sample lies, and all samples."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=number))
    first = frames[0]
    assert first.pts is not None
    assert first.time_base is not None
    return first.pts * first.time_base, b"".join(frame.to_ndarray().T.tobytes() for frame in frames)


def finished(root: Path, clip: ClipInfo, format: str, *, length: int = 10) -> Path:
    stamps = [Stamp(index, index * 1001, 1001) for index in range(FRAMES)]
    sink = one_sink(root, clip, format)
    make_output(sink, write_all(sink, stamps, [rgba(index) for index in range(FRAMES)], length=length))
    write_companions(root, clip, stamps, format)
    return sink.output


def chapters_of(path: Path) -> list[tuple[str, Fraction, Fraction]]:
    with av.open(str(path)) as container:
        return [
            (
                c["metadata"]["title"],
                c["start"] * Fraction(c["time_base"] or 0),
                c["end"] * Fraction(c["time_base"] or 0),
            )
            for c in container.chapters()
        ]


WHOLE = [(title, Fraction(start, 1000), Fraction(end, 1000)) for title, start, end in CHAPTERS]


@pytest.mark.parametrize("place", ["ffv1", "png"])
def test_matroska_keeps_everything(tmp_path: Path, place: str) -> None:
    """In the layer's own file, or beside a layer of images: the same packets, byte for byte."""
    clip = film(tmp_path / "film.mkv")
    output = finished(tmp_path / "out", clip, place)
    kept = output if place == "ffv1" else tmp_path / "out" / "source_streams.mkv"
    for kind in ("audio", "subtitle"):
        assert packets(kept, kind) == packets(clip.path, kind)
        assert any(packets(kept, kind))
    for number in (0, 1):
        assert sound(kept, number) == sound(clip.path, number)
    with av.open(str(kept)) as container, av.open(str(clip.path)) as source:
        assert {key: container.metadata[key.upper()] for key in ("artist",)} == {"artist": "Someone"}
        assert container.metadata["title"] == "First Light"
        mine = [s for s in container.streams if s.type != "video"]
        theirs = [s for s in source.streams if s.type != "video"]
        assert [s.type for s in mine] == ["audio", "audio", "subtitle", "attachment"]
        for a, b in zip(mine, theirs, strict=True):
            assert (a.type, a.language, a.disposition) == (b.type, b.language, b.disposition)
            assert a.metadata.get("title") == b.metadata.get("title")
        font = mine[-1]
        assert isinstance(font, AttachmentStream)
        assert (font.name, font.mimetype, font.data) == ("line.ttf", "application/x-truetype-font", FONT)
        if place == "ffv1":
            assert container.streams.video[0].metadata["title"] == "Picture"
    assert chapters_of(kept) == WHOLE
    timecodes = [] if place == "ffv1" else ["timecodes.txt"]
    beside = [name for name in tree(tmp_path / "out") if "/" not in name]
    assert beside == ([] if place == "ffv1" else ["source_streams.mkv", *timecodes])


def test_mov_keeps_sounds_lead_in(tmp_path: Path) -> None:
    """AAC begins with samples that an edit list cuts; the output cuts the same ones."""
    clip = film(tmp_path / "film.mp4", sound=[("aac", "jpn")], subtitles="mov_text", font=False)
    begin, _ = sound(clip.path)
    assert packets(clip.path, "audio")[0][0][1] < 0 == begin
    assert [side for side, _ in packets(clip.path, "audio")[0][0][3]] == ["skip_samples"]
    output = finished(tmp_path / "out", clip, "prores")
    assert tree(tmp_path / "out") == ["stage2a_character_refine/character.mov"]
    assert packets(output, "audio") == packets(clip.path, "audio")
    assert lines_of(output) == lines_of(clip.path)
    assert sound(output) == sound(clip.path)
    assert chapters_of(output) == WHOLE
    with av.open(str(output)) as container:
        assert (container.metadata["title"], container.metadata["artist"]) == ("First Light", "Someone")
        assert container.streams.audio[0].language == "jpn"
        assert container.streams.subtitles[0].language == "ger"
        pts = [p.pts * p.time_base for p in container.demux(video=0) if p.pts is not None]
    assert pts == [Fraction(index * 1001, 24000) for index in range(FRAMES)]


def test_matroska_keeps_sound_in_step(tmp_path: Path) -> None:
    """It has no edit lists: the lead-in stays before zero, and the picture isn't moved for it."""
    clip = film(tmp_path / "film.mp4", sound=[("aac", "jpn")], subtitles=None, font=False)
    output = finished(tmp_path / "out", clip, "ffv1")
    (theirs,), (mine,) = packets(clip.path, "audio"), packets(output, "audio")
    assert [packet[0] for packet in mine] == [packet[0] for packet in theirs]
    for a, b in zip(mine, theirs, strict=True):
        assert abs(a[1] - b[1]) < Fraction(2, 1000)
    assert mine[0][1] < 0
    with av.open(str(output)) as container:
        pts = [packet.pts for packet in container.demux(video=0)][:-1]
    assert pts == [(index * 1001 + 12) // 24 for index in range(FRAMES)]


@pytest.mark.parametrize("begin", [1, 4801, 48000 * 7])
def test_sound_that_begins_late(tmp_path: Path, begin: int) -> None:
    clip = film(tmp_path / "film.mkv", sound=[("flac", "jpn")], sound_begins=begin, chapters=False)
    for format in ("ffv1", "png"):
        finished(tmp_path / format, clip, format)
    kept = [tmp_path / "ffv1/stage2a_character_refine/character.mkv", tmp_path / "png/source_streams.mkv"]
    for path in kept:
        assert packets(path, "audio") == packets(clip.path, "audio")


@pytest.mark.parametrize("begin", [1, 4801, 48000 * 7])
def test_sound_that_begins_late_in_mov(tmp_path: Path, begin: int) -> None:
    """To the sample, though picture and sound count in different parts of a second."""
    clip = film(
        tmp_path / "film.mov", sound=[("pcm_s16le", "jpn")], subtitles=None, font=False, sound_begins=begin
    )
    assert sound(clip.path)[0] == Fraction(begin, 48000)
    output = finished(tmp_path / "out", clip, "prores")
    assert sound(output) == sound(clip.path)


def test_what_a_format_cannot_hold_is_said_and_kept(tmp_path: Path) -> None:
    """WebM takes Opus and WebVTT, no AAC, no fonts."""
    clip = film(tmp_path / "film.mkv", sound=[("aac", "jpn"), ("libopus", "eng")])
    (sink,) = open_sinks(tmp_path / "out", [CHARACTER], clip, format="webm", threads=1)
    assert sink.notices[1:] == [
        "webm can't hold audio 1 (aac), subtitle 3 (srt), attachment 4 (line.ttf) of the source: see "
        "source_streams.mkv"
    ]
    output = finished(tmp_path / "out", clip, "webm")
    beside = tmp_path / "out" / "source_streams.mkv"
    aac, opus = packets(clip.path, "audio")
    assert packets(output, "audio") == [opus]
    # A first packet's duration isn't in the file; FFmpeg's guess depends on what else is there.
    (found,) = packets(beside, "audio")
    assert [(p[:2], p[3]) for p in found] == [(p[:2], p[3]) for p in aac]
    assert packets(beside, "subtitle") == packets(clip.path, "subtitle")
    assert kinds_of(beside) == ["audio", "subtitle", "attachment"]
    assert chapters_of(output) == WHOLE
    assert chapters_of(beside) == []


def test_prores_without_what_mov_lacks(tmp_path: Path) -> None:
    clip = film(tmp_path / "film.mkv", sound=[("aac", "jpn")])
    output = finished(tmp_path / "out", clip, "prores")
    with av.open(str(output)) as container:
        assert container.metadata["STUDIO"] == "Some"  # a tag that MOV has no letters for
    assert kinds_of(output) == ["audio"]
    assert [p[0] for p in packets(output, "audio")[0]] == [p[0] for p in packets(clip.path, "audio")[0]]
    assert kinds_of(tmp_path / "out/source_streams.mkv") == ["subtitle", "attachment"]


def test_subtitles_that_only_mp4_holds(tmp_path: Path) -> None:
    clip = film(tmp_path / "film.mp4", sound=[("aac", "jpn")], subtitles="mov_text", font=False)
    finished(tmp_path / "out", clip, "png")
    beside = tmp_path / "out/source_streams.mp4"
    assert lines_of(beside) == lines_of(clip.path)
    assert kinds_of(tmp_path / "out/source_streams.mkv") == ["audio"]
    assert chapters_of(tmp_path / "out/source_streams.mkv") == WHOLE


def test_what_nothing_holds_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = film(tmp_path / "film.mkv", sound=[("aac", "jpn")])
    fits = remux._fits

    def no_subtitles(stream: Any, source: Any, container: str) -> bool:
        return stream.type != "subtitle" and fits(stream, source, container)

    monkeypatch.setattr(remux, "_fits", no_subtitles)
    for format in ("ffv1", "png"):
        sinks = open_sinks(tmp_path / "out", [CHARACTER, CHARACTER], clip, format=format, threads=1)
        said = [words for sink in sinks for words in sink.notices if "copied" in words]
        assert said == [f"{clip.path}: subtitle 2 (srt) can't be copied and stays in the source only"]


def test_a_time_code(tmp_path: Path) -> None:
    """MOV keeps it in a track of its own, which FFmpeg makes anew from the picture's tag."""
    clip = film(tmp_path / "film.mov", subtitles=None, font=False, sound=[], timecode="10:00:00:00")
    with av.open(str(clip.path)) as container:
        assert [stream.type for stream in container.streams if stream.type == "data"]
    (sink,) = open_sinks(tmp_path / "out", [CHARACTER], clip, format="prores", threads=1)
    assert sink.notices == []
    with av.open(str(finished(tmp_path / "out", clip, "prores"))) as container:
        assert container.streams.video[0].metadata["timecode"] == "10:00:00:00"


def test_chapters_without_any_stream(tmp_path: Path) -> None:
    clip = film(tmp_path / "film.mkv", sound=[], subtitles=None, font=False)
    finished(tmp_path / "out", clip, "png")
    beside = [name for name in tree(tmp_path / "out") if "/" not in name]
    assert beside == ["source_chapters.txt", "timecodes.txt"]
    assert chapters_of(tmp_path / "out/source_chapters.txt") == WHOLE


def test_cover_art_is_no_picture_of_the_film(tmp_path: Path) -> None:
    data = cv2_png()
    with av.open(str(tmp_path / "film.mkv"), "w") as container:
        video = container.add_stream("ffv1", rate=24)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv444p"
        container.add_attachment("cover.png", "image/png", data)
        for index in range(3):
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture(index), format="rgb24")))
        container.mux(video.encode(None))
    output = finished(tmp_path / "out", clip_info(path=tmp_path / "film.mkv"), "ffv1")
    with av.open(str(output)) as container:
        picture_of_film, cover = container.streams.video
        assert not picture_of_film.disposition & Disposition.attached_pic
        assert cover.disposition & Disposition.attached_pic
        assert [bytes(p) for p in container.demux(cover) if p.size] == [data]


def cv2_png() -> bytes:
    import cv2

    return cv2.imencode(".png", picture(1))[1].tobytes()


def test_a_clip_of_images_has_nothing_beside(tmp_path: Path) -> None:
    for format in ("png", "ffv1", "webm", "exr"):
        finished(tmp_path / format, clip_info(), format)
        assert not [name for name in tree(tmp_path / format) if "/" not in name]


@pytest.mark.parametrize("format", ["ffv1", "prores", "webm", "png"])
def test_the_same_bytes_each_time(tmp_path: Path, format: str) -> None:
    """Also after a kill that left half a file, and when it is done twice."""
    clip = film(tmp_path / "film.mkv")
    finished(tmp_path / "a", clip, format)
    for name in (".source_streams.mkv.partial", ".timecodes.txt.partial"):
        (tmp_path / "b").mkdir(exist_ok=True)
        (tmp_path / "b" / name).write_bytes(b"half")
    finished(tmp_path / "b", clip, format)
    finished(tmp_path / "b", clip, format)
    for name in (".source_streams.mkv.partial", ".timecodes.txt.partial"):
        (tmp_path / "b" / name).unlink(missing_ok=True)
    assert files(tmp_path / "b") == files(tmp_path / "a")


def test_timecodes(tmp_path: Path) -> None:
    clip = film(tmp_path / "film.mkv", sound=[], subtitles=None, font=False, chapters=False)
    stamps = stamps_of([-24, 0, 1001, 3003, 24000 * 3600 * 30 + 7])
    write_companions(tmp_path, clip, stamps, "exr")
    assert (tmp_path / "timecodes.txt").read_bytes().decode() == (
        "# timestamp format v2\n-1.000000\n0.000000\n41.708333\n125.125000\n108000000.291667\n"
    )


def test_a_source_that_is_gone(tmp_path: Path) -> None:
    clip = film(tmp_path / "film.mkv")
    sink = one_sink(tmp_path / "out", clip, "ffv1")
    pieces = write_all(sink, stamps_of([0, 1001]), [rgba(0), rgba(1)])
    clip.path.unlink()
    with pytest.raises(
        InputError, match=r"film\.mkv: its sound and other streams can't be read \(.*No such"
    ):
        sink.finish(pieces)
    assert tree(tmp_path / "out") == [piece.path for piece in pieces]


def test_segments_of_another_encoder(tmp_path: Path) -> None:
    """Their header isn't this one's: joined, they would decode to noise."""
    sink = one_sink(tmp_path, clip_info(), "ffv1")
    other = one_sink(tmp_path / "other", clip_info(bits=10), "ffv1")
    stamps, layers = stamps_of([0, 1001]), [rgba(0), rgba(1)]
    pieces = write_all(sink, stamps, layers, length=1)
    strange = write_all(other, stamps, layers, length=1)
    (tmp_path / pieces[1].path).write_bytes((tmp_path / "other" / strange[1].path).read_bytes())
    with pytest.raises(OutputError, match=r"000001\.mkv: was written by another release of FFmpeg"):
        sink.finish(pieces)
    assert not sink.output.exists()


def test_packets_reach_the_muxer_by_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it needn't hold any back, however long the film."""
    clip = film(tmp_path / "film.mkv")
    seen: list[Fraction] = []
    original: Callable[..., Any] = heapq.merge

    def watching(*lines: Any, key: Any) -> Any:
        for packet in original(*lines, key=key):
            seen.append(key(packet))
            yield packet

    monkeypatch.setattr(heapq, "merge", watching)
    finished(tmp_path / "out", clip, "ffv1")
    assert len(seen) > FRAMES * 2
    assert seen == sorted(seen)


def test_titles_in_an_old_encoding(tmp_path: Path) -> None:
    """Shift-JIS where UTF-8 should be: damaged letters, but no failure."""
    clip = film(tmp_path / "film.mkv", sound=[("flac", "jpn")])
    data = clip.path.read_bytes()
    assert data.count(b"First Light") == 1
    clip.path.write_bytes(data.replace(b"First Light", "第一の光x".encode("shift-jis")[:11].ljust(11)))
    output = finished(tmp_path / "out", clip, "ffv1")
    assert packets(output, "audio") == packets(clip.path, "audio")
    with av.open(str(output)) as container:
        assert "\ufffd" in container.metadata["title"]
