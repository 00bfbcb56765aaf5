"""What is in the frames: metrics, tags, captions, embeddings, and the search over them."""
