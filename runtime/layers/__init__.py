"""From mattes, heat and plates to the layers of a frame, and back to the frame."""
