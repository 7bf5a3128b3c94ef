"""Write them all."""

from deploy.documents import documents

for path, text in documents().items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
