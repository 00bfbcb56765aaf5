"""The stage `effects`: how much of each prompt is where in a frame."""
