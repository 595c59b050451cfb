"""A running trial: its data so far, the rule's verdict, and what may come of each continuation."""
