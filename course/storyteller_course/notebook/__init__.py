"""What a student calls in a notebook, where it finds the lesson, and what it remembers on disk."""
