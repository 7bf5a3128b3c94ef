"""What pages and API take in the same way: the fields of a person, her address, and how crowded her network is."""
