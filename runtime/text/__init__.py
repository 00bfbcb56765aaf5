"""Words for the networks: token ids out of text, and back."""
