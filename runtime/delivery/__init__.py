"""What people do next with layers: training sets, masks, pictures in layers, videos, previews."""
