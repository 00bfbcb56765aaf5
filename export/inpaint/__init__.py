"""The stage `inpaint`: what lies behind a hole in a frame, painted by a network."""
