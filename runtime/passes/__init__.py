"""The stages of a run over a clip, shot by shot."""
