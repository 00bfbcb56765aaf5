"""Where shots begin: PySceneDetect's content score, and a jump in it."""

from collections import deque

import cv2
import numpy as np

from trt_anime.runtime.lookahead.reduced import Reduced

# Fast pans and things that rush past score as high as cuts, but on frame after frame. With the jump the
# detector's own limit, 27, can be lowered: of 120 cuts in a film like the benchmark's, 18 found 91.7 % and
# 27 found 87.5 %, at one more false start in 32.
CUT_SCORE = 18.0
JUMP = 1.5
WINDOW = 2

PRIMING_FRAMES = WINDOW + 1
"""Frames before the first one judged that its verdict depends on."""


class Shots:
    """Tells each frame, as it comes, whether a shot begins with it.

    That depends on the frame itself and on the `PRIMING_FRAMES` before it, on nothing else.
    """

    def __init__(self) -> None:
        # Late: it takes as long to import as all of the command line.
        from scenedetect import ContentDetector, FrameTimecode

        # Without a minimum length it scores each frame against its neighbour alone.
        self._detector = ContentDetector(min_scene_len=0)
        # It only passes the time code on.
        self._time = FrameTimecode(0, 24.0)
        self._scores: deque[float] = deque(maxlen=WINDOW)

    def begins(self, frame: Reduced) -> bool:
        """Whether a shot begins with `frame`; the first frame of all begins one."""
        first = not self._scores
        score = self._score(frame)
        usual = max(self._scores, default=0.0)
        self._scores.append(score)
        return first or (score >= CUT_SCORE and score >= JUMP * usual)

    def _score(self, frame: Reduced) -> float:
        bgr = np.asarray(cv2.cvtColor(frame.small, cv2.COLOR_RGB2BGR), np.uint8)
        self._detector.process_frame(self._time, bgr)
        return float(self._detector._frame_score or 0.0)
