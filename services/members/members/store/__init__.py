"""All SQL of the members service, by capability. Personal columns are encrypted and decrypted here and nowhere else."""
