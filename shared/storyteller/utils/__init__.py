"""What every package may use: writing files whole or not at all, and OpenMP's settings."""
