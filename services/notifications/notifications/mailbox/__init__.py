"""The mailbox of development: an SMTP server that keeps every mail for the page /mailbox, and misbehaves on request."""
