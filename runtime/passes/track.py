"""Stage 3: the same characters from frame to frame, and from shot to shot."""
