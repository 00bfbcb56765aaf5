"""What this machine can do, and why not: facts, and what follows from them."""
