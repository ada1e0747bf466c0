"""API tokens: who may speak to the HTTP endpoint, and what they may do there."""
