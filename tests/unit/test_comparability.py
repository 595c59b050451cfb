"""What weights cannot make comparable is told, refused or acknowledged."""
