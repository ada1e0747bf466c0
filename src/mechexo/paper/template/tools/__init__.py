"""The desk's own command for the person on call; a program of the desk, not of mechexo."""
