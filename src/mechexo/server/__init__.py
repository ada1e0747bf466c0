"""The HTTP face: health, metrics, alerts and check-ins taken in, and the loop beside it."""
