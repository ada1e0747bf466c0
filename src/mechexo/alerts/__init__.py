"""Alerts from the first observation to the person who is told."""
