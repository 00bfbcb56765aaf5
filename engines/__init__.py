"""Stage graph in, TensorRT engine and manifest out."""
