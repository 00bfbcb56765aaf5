"""The stage `mask`: what a box in a frame encloses, as a soft mask of its own."""
