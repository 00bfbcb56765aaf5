"""The background of a shot: registered, gathered from visible pixels, filled, given back per frame."""
