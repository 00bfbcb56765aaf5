"""Greedy and beam search, on the host; no pixel and no cache is touched.

Beam search follows `generate` of Hugging Face's transformers, whose captions people compare with: each step
looks at the best continuations of a picture's beams, twice as many as beams; those that end are answers if
they are among the first half, the others go on.
"""

import numpy as np

from trt_anime.runtime.captions.options import Caption, Language, Scores, SearchOptions


def captions_of(language: Language, options: SearchOptions) -> list[Caption]:
    """A caption for each picture that `language` starts with.

    Raises InputError: a caption doesn't fit into the cache.
    """
    if options.beams == 1:
        return _greedy(language, options)
    return _beams(language, options)


def _greedy(language: Language, options: SearchOptions) -> list[Caption]:
    chances = log_softmax(language.start())
    rows = np.arange(len(chances), dtype=np.int32)
    tokens: list[list[int]] = [[] for _ in rows]
    sums, ended = np.zeros(len(rows), np.float32), np.zeros(len(rows), bool)
    for left in reversed(range(options.most)):
        best = chances.argmax(axis=1).astype(np.int32)
        sums += np.where(ended, 0, chances[rows, best])
        stops = np.isin(best, options.stop)
        for row in np.flatnonzero(~ended & ~stops):
            tokens[row].append(int(best[row]))
        ended |= stops
        if ended.all() or not left:
            break
        chances = log_softmax(language.step(best, rows))
    return [
        Caption(tuple(found), float(sum_) / (len(found) + int(end)), bool(end))
        for found, sum_, end in zip(tokens, sums, ended, strict=True)
    ]


def _beams(language: Language, options: SearchOptions) -> list[Caption]:
    chances = log_softmax(language.start())
    pictures = [_Picture(options) for _ in chances]
    for length in range(1, options.most + 1):
        groups = np.split(chances, len(pictures))
        for picture, own in zip(pictures, groups, strict=True):
            picture.extend(own, length)
        if length == options.most or not any(picture.is_open for picture in pictures):
            break
        # The first step had one row for each picture.
        width = 1 if length == 1 else options.beams
        origin = [number * width + row for number, p in enumerate(pictures) for row in p.origin]
        tokens = [beam[-1] for p in pictures for beam in p.running]
        chances = log_softmax(language.step(np.array(tokens, np.int32), np.array(origin, np.int32)))
    return [picture.best() for picture in pictures]


class _Picture:
    """The search for one picture.

    Attributes:
        running: tokens of the captions under way, the best first.
        origin: which of the rows before each goes on from.
        is_open: something better can still be found.
    """

    def __init__(self, options: SearchOptions) -> None:
        self._options = options
        self.running: list[tuple[int, ...]] = [()]
        self.origin: list[int] = []
        self.is_open = True
        self._sums = np.zeros(1, np.float32)
        self._finished: list[Caption] = []  # the best first, as many as beams at most

    def extend(self, chances: Scores, length: int) -> None:
        """`chances`: log probabilities [rows,vocabulary]; `length`: of the captions that come out."""
        options = self._options
        if not self.is_open:
            return
        sums = (chances + self._sums[:, None]).ravel()
        count = max(2, 1 + len(options.stop)) * options.beams
        running: list[tuple[int, ...]] = []
        kept: list[np.float32] = []
        origin: list[int] = []
        for place, index in enumerate(largest(sums, count)):
            row, token = divmod(int(index), chances.shape[1])
            ends = token in options.stop
            if (ends or length == options.most) and place < options.beams:
                tokens = self.running[row] if ends else (*self.running[row], token)
                self._finish(Caption(tokens, float(self._scored(sums[index], length)), ends))
            if not ends and len(running) < options.beams:
                running.append((*self.running[row], token))
                kept.append(sums[index])
                origin.append(row)
        del self._finished[options.beams :]
        self.running, self.origin, self._sums = running, origin, np.array(kept, np.float32)
        self.is_open = self._can_improve(length)

    def best(self) -> Caption:
        """The one with the highest score."""
        return self._finished[0]

    def _finish(self, caption: Caption) -> None:
        self._finished.append(caption)
        self._finished.sort(key=lambda one: -one.score)

    def _can_improve(self, length: int) -> bool:
        options = self._options
        if len(self._finished) < options.beams:
            return True
        if options.early is True:
            return False
        far = options.early == "never" and options.length_penalty > 0
        hope = self._scored(self._sums[0], options.most if far else length)
        return bool(hope > self._finished[-1].score)

    def _scored(self, total: np.float32, length: int) -> np.float32:
        return np.float32(total / np.float32(length**self._options.length_penalty))


def log_softmax(logits: Scores) -> Scores:
    """Log probabilities along the last axis, float32."""
    moved = logits - logits.max(axis=-1, keepdims=True)
    result: Scores = moved - np.log(np.exp(moved).sum(axis=-1, keepdims=True))
    return result


def largest(values: Scores, count: int) -> list[int]:
    """Where the `count` largest are, the largest first, equal ones in order."""
    count = min(count, len(values))
    found = np.argpartition(-values, count - 1)[:count]
    return [int(i) for i in found[np.lexsort((found, -values[found]))]]
