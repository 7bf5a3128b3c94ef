"""What people can do in the members service, by capability. Each reads as load, decide, save, tell."""
