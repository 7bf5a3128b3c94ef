"""The rules of the hub, pure: state and time in, new state and what happened out."""
