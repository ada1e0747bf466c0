"""The desk's four flows: programs of the desk, which know nothing of mechexo."""
