"""What a run has finished, so that the next one goes on from there."""
