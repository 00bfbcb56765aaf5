"""PyTorch or official ONNX checkpoints in, self-describing stage graphs out."""
