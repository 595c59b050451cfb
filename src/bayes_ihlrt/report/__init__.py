"""Tables, sentences, pages and files from finished results. No computing of new quantities."""
