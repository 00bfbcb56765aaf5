"""The sample clip and the generator that drew it, with exact ground truth.

`samples.scene.Scene` draws an anime-like film frame by frame; `python -m samples` writes it as a clip.
"""
