"""Stage 3: the same characters from frame to frame, and from shot to shot."""

import base64
import zlib
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trt_anime.runtime.characters.births import Seen, looked_back
from trt_anime.runtime.characters.following import KeySchedule, Known, Tracked, track_shot
from trt_anime.runtime.characters.found import Frame
from trt_anime.runtime.characters.identity import People, Presence, Presences, relabelled
from trt_anime.runtime.characters.looks import Look
from trt_anime.runtime.characters.planes import pixels_of
from trt_anime.runtime.characters.propagation import Propagator
from trt_anime.runtime.passes.context import Context, Made, OfShot
from trt_anime.runtime.passes.segment import Item, KeyFrames, Segment, items
from trt_anime.runtime.results import places
from trt_anime.runtime.results.layers import OTHERS, write_tracks
from trt_anime.runtime.results.planes import read_plane, write_frame
from trt_anime.runtime.results.shots import Shot
from trt_anime.runtime.streams import Writers


@contextmanager
def opened(context: Context) -> Iterator[OfShot]:
    """Raises what the tools `segmenter` and `propagator` raise."""
    with context.tools.segmenter(context) as segment, context.tools.propagator(context) as propagator:
        yield _Film(context, segment, propagator).track


def hints(facts: Mapping[int, Mapping[str, Any]], follower: str) -> list[str]:
    """A sentence for each shot with more characters than can be followed alike, or than there are ids for.

    facts: of this pass, by shot number. follower: who has not enough room.
    """
    found = []
    for shot, made in sorted(facts.items()):
        if "crowd" in made:
            found.append(
                f"shot {shot}: {made['crowd']} characters at once, and {follower} follows {made['room']};"
                " the others are followed by the motion of the picture alone. With `stage3.method` sam or"
                f" flow, up to {OTHERS - 1} are followed alike"
            )
        if "others" in made:
            found.append(
                f"shot {shot}: characters without an id of their own: {made['others']}, as all"
                f" {OTHERS - 1} of a clip are given; they share the id {OTHERS} and its layer. Process the"
                " clip in parts for ids of their own"
            )
    return found


class _Crowd:
    """How many characters key frames of a shot show. room: for how many the propagator has room."""

    def __init__(self, room: int) -> None:
        self._room, self._most, self._others = room, 0, 0

    def note(self, one: Tracked) -> None:
        if one.key is not None:
            self._most = max(self._most, int(np.count_nonzero(pixels_of(one.ids)[1:])))
            self._others = max(self._others, one.others)

    def facts(self, table: Mapping[int, int]) -> dict[str, int]:
        """What `hints` tells of; table: the clip's ids by the shot's."""
        others = self._others + sum(OTHERS == new != old for old, new in table.items())
        crowd = {"crowd": self._most, "room": self._room} if self._most > self._room else {}
        return crowd | ({"others": others} if others else {})


class _Film:
    """Shot after shot. Who somebody is depends on the shots before alone, so a run may begin at any."""

    def __init__(self, context: Context, segment: Segment, propagator: Propagator) -> None:
        self._context, self._segment, self._propagator = context, segment, propagator
        self._folder = context.folder / places.TRACKS
        self._people, self._settled = People(), 0  # everybody up to this shot

    def track(self, shot: Shot) -> Made:
        context = self._context
        people = self._people_before(shot)
        before = context.facts("segment").get(shot.number, {}).get("segments", {})
        frames = KeyFrames(context, self._segment, before)
        presences, crowd = Presences(), _Crowd(self._propagator.most)
        drafts = context.folder / places.WORK / "3"
        for frame, one in self._followed(shot, frames, people):
            presences.note(one.index, len(shot.shown_at(one.index)), frame, one.ids)
            crowd.note(one)
            write_frame(drafts, [one.index], one.ids)
        found = {number: _lasting(presence) for number, presence in presences.found.items()}
        known = [track.id for track in people.tracks] if shot.continues else []
        table = _settle(people, shot.number, found, known)
        self._people, self._settled = people, shot.number
        files = self._named(shot, table)
        write_tracks(self._folder, people.tracks)
        files += [context.folder / places.SEGMENTS / places.frame_name(int(key)) for key in frames.facts]
        rows = {str(number): _facts(presence) for number, presence in found.items()}
        ids = sorted({number for number in table.values() if number})
        facts = {"segments": frames.facts, "people": rows, "known": known, "ids": ids}
        return Made(files, facts | crowd.facts(table))

    def _followed(self, shot: Shot, frames: KeyFrames, people: People) -> Iterator[tuple[Frame, Tracked]]:
        """Each fresh frame with its characters, numbered as in this shot."""
        schedule = KeySchedule(every=self._context.choices.segmentation.key_every)
        coming: deque[Item] = deque()

        def noted() -> Iterator[Item]:
            for item in frames.watching(items(self._context, shot)):
                coming.append(item)
                yield item

        def seen() -> Iterator[Seen]:
            known = self._known(shot, people)
            for one in track_shot(noted(), frames, self._propagator, schedule, known=known):
                _, frame, matte = coming[-1]
                yield Seen(frame, matte, one)

        for one in looked_back(seen(), schedule):
            yield coming.popleft()[1], one

    def _known(self, shot: Shot, people: People) -> Known | None:
        """The frame before a shot that goes on where another was parted."""
        if not shot.continues:
            return None
        before = self._context.before(shot)
        ids = read_plane(self._folder / places.frame_name(shot.start - 1))
        return Known(before, ids, people.highest)

    def _named(self, shot: Shot, table: Mapping[int, int]) -> list[Path]:
        """The drafts with the clip's ids for the shot's, for all frames that show them."""
        drafts, files = self._context.folder / places.WORK / "3", []
        with Writers.open(self._context.options.cores) as writers:
            for fresh in shot.fresh:
                shown = list(shot.shown_at(fresh))
                writers.do(partial(self._name, drafts / places.frame_name(fresh), shown, table))
                files += [self._folder / places.frame_name(index) for index in shown]
        return files

    def _name(self, draft: Path, shown: list[int], table: Mapping[int, int]) -> None:
        write_frame(self._folder, shown, relabelled(read_plane(draft), table))
        draft.unlink()

    def _people_before(self, shot: Shot) -> People:
        """Everybody in the shots before, of this run and of earlier ones."""
        if self._settled == shot.number - 1:
            return self._people
        people = People()
        done = self._context.facts("track")
        for number in sorted(done):
            if number < shot.number:
                rows = {int(one): _presence(row) for one, row in done[number]["people"].items()}
                _settle(people, number, rows, done[number]["known"])
        return people


def _settle(
    people: People, shot: int, found: Mapping[int, Presence], known: Collection[int]
) -> dict[int, int]:
    """The clip's ids by the shot's; those that the shot began with keep theirs."""
    going_on = {number: presence for number, presence in found.items() if number in known}
    people.go_on(shot, going_on)
    new = {number: presence for number, presence in found.items() if number not in known}
    return people.settle(shot, new) | {number: number for number in going_on}


def _lasting(presence: Presence) -> Presence:
    """As it comes back from the journal, so that a run that goes on decides as an undisturbed one."""
    looks = [(pixels, _half(look).astype(np.float32)) for pixels, look in presence.looks]
    return replace(presence, looks=looks)


def _half(look: Look) -> NDArray[np.float16]:
    return look.astype(np.float16)


def _facts(presence: Presence) -> dict[str, Any]:
    looks = np.stack([_half(look) for _, look in presence.looks])
    return {
        "label": presence.label,
        "frames": presence.frames,
        "first": presence.first,
        "last": presence.last,
        "pixels": [pixels for pixels, _ in presence.looks],
        "looks": base64.b64encode(zlib.compress(looks.tobytes())).decode("ascii"),
    }


def _presence(row: Mapping[str, Any]) -> Presence:
    data = zlib.decompress(base64.b64decode(row["looks"]))
    looks = np.frombuffer(data, np.float16).reshape(len(row["pixels"]), -1).astype(np.float32)
    pairs = list(zip(row["pixels"], looks, strict=True))
    return Presence(row["label"], row["frames"], row["first"], row["last"], pairs)
