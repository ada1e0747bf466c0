"""What changed, and the plan that takes it back."""
