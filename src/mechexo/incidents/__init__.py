"""Incidents: who leads them, how they stand, and what people said and did about them."""
