"""What changes the world in rights requests, by what is asked."""
