"""The rules of membership, pure: state and time in, new state and what happened out."""
