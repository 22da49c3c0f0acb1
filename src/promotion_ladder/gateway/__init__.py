"""The gateway: what people click and type in Slack becomes the same verbs as everywhere else.

It decides nothing. A click carries an opaque id; what it is for is looked up, sent on under the person's Slack id, and
ruled on by the promotion with the policy's own files. Whoever is refused is told so privately, and it is on record.
"""
