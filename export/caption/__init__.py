"""The stage `caption`: what a key frame shows, in words."""
