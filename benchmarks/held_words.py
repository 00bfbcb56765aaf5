"""What docs/held_frames.md says between its tables."""

HELD = """\
Animation is drawn on twos and threes, so most frames repeat. Each frame is compared with the last
*fresh* one, whose results would be reused, and never with its neighbour: a change too slow to see from
frame to frame adds up until it is seen. After lossy coding a held drawing differs by the codec's noise,
so four measures look for what noise does not do, and any one of them makes a frame fresh:

- **mean**: the luma difference over the whole frame. Noise is sparse; pans, zooms, fades and dissolves
  are not.
- **tone**: the change of a colour channel's mean over windows of about 80 pixels. Noise cancels out
  there.
- **shift**: one step of Lucas and Kanade's registration per tile. Noise has no direction; what slides
  has.
- **detail**: the luma difference over 8x8 pixels, against the contrast there: noise grows with the
  contrast of what is coded, so a few levels on flat skin count for more than many beside a line.

Their limits are data (`LIMITS` in `runtime/lookahead/held.py`), set on seeds 3, 7 and 11 of the
generator and on the cases below; the films here are others. Nothing is kept of a frame but copies of
half its size and less."""

FILMS = """\
Each cell: held frames found / repeats that are right. Two drawn films and one painted at 720p and 1080p
(`samples/`, seeds 5, 9, 23; 72 frames each), encoded with preset medium."""

CASES = """\
One still picture at 720p in which something small, slow or faint happens. Each cell: frames taken for
repeats of another drawing than theirs, under fast/balanced/quality; a change that is missed counts on
every frame that shows it. Frames that decode to the same bytes don't count. Cases in parentheses are
beyond what is promised: what is that faint drowns in noise at these rates. Where it is taken for a
repeat, the difference to the frame whose results are reused is within the limits. Reusing results on
film grain is right: nothing but noise has changed."""

SHOTS = """\
A film of 120 shots of 6 to 30 frames, made of two of the generator's films cropped, mirrored and
darkened at random, encoded with x264 at crf 23. More than half of the shots hold an event that
detectors take for a cut."""

CHOICE = """\
The score is PySceneDetect's content score on a picture of at most 160 pixels; a shot begins where it
reaches 18 *and* 1.5 times the higher of the two scores before. Fast pans and things that rush past
score as high as cuts, but on frame after frame. The verdict comes with the frame itself and depends on
three frames before it, so a run that starts in mid-clip gives the same.

For anime a false start costs a temporal state that must be learned again and a plate that is split in
two; a missed one carries a memory of the wrong people, and paints one place's background into another.
The second is worse, so the limit stays low and the jump is what keeps false starts away. What remains
is nearly all flashes and impact frames: when such a frame comes up it *is* another picture, and only a
look at the frames after it would tell. That would delay every frame; one false start at a flash is the
lesser harm. The return from a flash of a frame or two starts nothing, nor does a cut right after one."""

COST = """\
Milliseconds of CPU time of one thread a 1080p frame (h264 crf 23, film 23, OpenCV kept to one thread),
held frames and shots together, over 48 frames; for each frame the least of nine rounds, because other
load on the machine can only add. The larger part is halving the frame once. What a fresh frame costs
more falls due only when the next frame is near enough to need it, and so counts there."""
