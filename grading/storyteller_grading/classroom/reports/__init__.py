"""What a student reads of a submission, and an instructor of a class."""
