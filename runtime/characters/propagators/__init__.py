"""What follows characters from one frame to the next: memory networks, SAM, or optical flow alone."""
