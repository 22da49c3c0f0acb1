"""What each reason code says: a sentence about what happened, and what to do next."""
