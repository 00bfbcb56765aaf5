"""The stages of a run over a clip, one after another, shot by shot."""
