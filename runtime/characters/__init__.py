"""Who is where: segments on key frames, masks carried between them, ids over shots."""
