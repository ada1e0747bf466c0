"""What other systems send, turned into observations. Pure: bytes in, observations out."""
