"""Risk and trading: what the desk holds, earns and may lose, from its own tables, endpoints and
bots."""
