"""From a wrong gradient to the words that name the mistake."""
