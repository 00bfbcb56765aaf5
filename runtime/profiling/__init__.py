"""Where a run's time goes: measured while it runs, reported after."""
