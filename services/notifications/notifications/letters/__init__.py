"""What is written: templates in each language, their calendar entries, and the mail made of them."""
