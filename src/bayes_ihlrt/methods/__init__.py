"""How it was done, in words: methods, what is cited, checklists. No results and no pages."""
