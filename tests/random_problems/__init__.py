"""Random problems with exact answers, to count how often an answer lies within its quoted error."""
