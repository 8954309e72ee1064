"""What is left behind by deletion: which rows and objects nobody can reach any more."""
