"""Pages: unsubscribing, a member's own messages, the console of deliveries, and in development the mailbox."""
