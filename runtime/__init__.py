"""The lean runtime: media in, sessions, layers out. Never imports torch."""
