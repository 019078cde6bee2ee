"""What a check shows: a card in the notebook, text in a terminal, pictures of differences."""
