"""What finds characters in a single frame: networks, the matte alone, or the truth."""
