"""Trading costs: fills and quotes in, costs in basis points out."""
