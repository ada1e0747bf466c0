"""The desk's flags: their values, what they were, who changed them, and changing them."""
