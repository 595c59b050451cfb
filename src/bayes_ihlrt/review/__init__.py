"""What a reviewer asks of a simulated plan, in tables and sentences; nothing is simulated here."""
