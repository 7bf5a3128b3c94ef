"""Demo data, made as people make it: by the services' own APIs, letters and links."""
