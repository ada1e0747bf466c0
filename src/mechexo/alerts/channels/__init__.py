"""The ways a message leaves: Apprise, or a mailbox file. Only `child` imports Apprise."""
