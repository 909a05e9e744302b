"""The resolved, frozen domain: what a whole configuration says, as values."""
