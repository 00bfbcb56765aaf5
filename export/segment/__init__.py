"""Stage `segment`: Mask2Former, which finds every object and every region of a frame."""
