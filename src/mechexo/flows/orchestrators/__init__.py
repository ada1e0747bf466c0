"""Other programs that run the desk's flows: looked at and acted upon through their own APIs."""
