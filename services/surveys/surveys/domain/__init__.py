"""The rules of asking and counting, pure: state and time in, new state and what happened out."""
